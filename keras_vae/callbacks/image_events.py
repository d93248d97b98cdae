"""Images in event files, which TensorBoard shows."""

import io
import struct
from typing import Any

import keras

__all__ = ["ImageEvents"]


class ImageEvents:
    """Writes images to event files: with `tf.summary`, or with `torch.utils.tensorboard`.

    Keras' callback `TensorBoard` uses TensorFlow on every backend. Importing it takes seconds, so beside another
    backend it is the second choice.

    Args:
        folder: where to write, as `log_dir` of `keras.callbacks.TensorBoard`.

    Raises:
        ImportError: neither can be imported; the message says what to install.
    """

    def __init__(self, folder: str) -> None:
        routes = [self._of_tensorflow, self._of_torch]
        if keras.backend.backend() != "tensorflow":
            routes.reverse()
        failed = []
        for route in routes:
            try:
                self.write, self.close = route(folder)
                return
            except ImportError as error:
                failed.append(str(error))
        raise ImportError(
            "Argument `tensorboard`: event files are written by TensorFlow, or by torch with the package tensorboard. "
            f"Neither could be imported: {'; '.join(failed)}. Install one with `pip install tensorflow`, or with "
            "`pip install torch tensorboard`."
        )

    @staticmethod
    def _of_tensorflow(folder: str) -> Any:
        import tensorflow as tf

        writer = tf.summary.create_file_writer(folder)
        # As `tf.summary.image` does, which needs the package tensorboard only to say this.
        metadata = tf.compat.v1.SummaryMetadata(
            plugin_data={"plugin_name": "images"}, data_class="DATA_CLASS_BLOB_SEQUENCE"
        )

        def write(name: str, png: bytes, step: int) -> None:
            width, height = struct.unpack(">II", png[16:24])
            with tf.init_scope(), writer.as_default(step):
                tf.summary.write(name, tf.constant([str(width).encode(), str(height).encode(), png]), metadata=metadata)
                writer.flush()

        return write, writer.close

    @staticmethod
    def _of_torch(folder: str) -> Any:
        from matplotlib.image import imread
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(folder)

        def write(name: str, png: bytes, step: int) -> None:
            writer.add_image(name, imread(io.BytesIO(png))[..., :3], step, dataformats="HWC")
            writer.flush()

        return write, writer.close
