"""z -> features: decoders."""

from keras_vae.decoders.conv import Conv
from keras_vae.decoders.decoder import Decoder
from keras_vae.decoders.from_model import FromModel
from keras_vae.decoders.gated_mlp import GatedMLP
from keras_vae.decoders.mlp import MLP
from keras_vae.decoders.resnet import ResNet
from keras_vae.registry import decoders as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = ["MLP", "Conv", "Decoder", "FromModel", "GatedMLP", "ResNet", "get", "names", "register"]
