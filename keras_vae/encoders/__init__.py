"""x -> features: encoders."""

from keras_vae.encoders.conv import Conv
from keras_vae.encoders.denoising import Denoising
from keras_vae.encoders.encoder import Encoder
from keras_vae.encoders.from_model import FromModel
from keras_vae.encoders.gated_mlp import GatedMLP
from keras_vae.encoders.gru import GRU
from keras_vae.encoders.joint import Joint
from keras_vae.encoders.lstm import LSTM
from keras_vae.encoders.mlp import MLP
from keras_vae.encoders.per_field import PerField
from keras_vae.encoders.pyramid import Pyramid
from keras_vae.encoders.recurrent import Recurrent
from keras_vae.encoders.resnet import ResNet
from keras_vae.encoders.sequence import Sequence
from keras_vae.encoders.tcn import TCN
from keras_vae.encoders.transformer import Transformer
from keras_vae.registry import encoders as _family

register = _family.register
get = _family.get
names = _family.names

__all__ = [
    "GRU",
    "LSTM",
    "MLP",
    "TCN",
    "Conv",
    "Denoising",
    "Encoder",
    "FromModel",
    "GatedMLP",
    "Joint",
    "PerField",
    "Pyramid",
    "Recurrent",
    "ResNet",
    "Sequence",
    "Transformer",
    "get",
    "names",
    "register",
]
