"""z -> features: decoders."""

from keras_vae.decoders.autoregressive import Autoregressive
from keras_vae.decoders.conv import Conv
from keras_vae.decoders.decoder import Decoder
from keras_vae.decoders.from_model import FromModel
from keras_vae.decoders.gated_mlp import GatedMLP
from keras_vae.decoders.gru import GRU
from keras_vae.decoders.joint import Joint
from keras_vae.decoders.lstm import LSTM
from keras_vae.decoders.mlp import MLP
from keras_vae.decoders.pixel_cnn import PixelCNN
from keras_vae.decoders.recurrent import Recurrent
from keras_vae.decoders.resnet import ResNet
from keras_vae.decoders.sequence import Sequence
from keras_vae.decoders.tcn import TCN
from keras_vae.decoders.transformer import Transformer
from keras_vae.registry import decoders as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "TCN",
    "Autoregressive",
    "Conv",
    "Decoder",
    "FromModel",
    "GatedMLP",
    "Joint",
    "PixelCNN",
    "Recurrent",
    "ResNet",
    "Sequence",
    "Transformer",
    "get",
    "names",
    "register",
]
