"""HI-Diff's official PyTorch networks, taken from a copy of its repository, with the weights of a system of ours."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch

from icdpm.models.hidiff_published import converted
from icdpm.models.weights import named_variables


class _Registry:
    """In place of what the repository registers its networks with."""

    def register(self):
        return lambda found: found


def _stub(name, **attributes):
    module = types.ModuleType(name)
    vars(module).update(attributes)
    sys.modules.setdefault(name, module)


class Reference:
    """The official networks in the sizes, and with the weights, of a system of ours.

    Args:
      folder: a copy of the repository zhengchen1999/HI-Diff.
      model: an `icdpm.models.hidiff.HIDiff` of the second stage.
    """

    def __init__(self, folder, model):
        for name in ("basicsr", "basicsr.utils", "basicsr.utils.registry"):
            _stub(name, ARCH_REGISTRY=_Registry())
        self.folder, self.config = folder, model.config
        transformer, encoder, prior = (self.config[section] for section in ("transformer", "encoder", "prior"))
        self.transformer = self._module("hi_diff/archs/Transformer_arch.py").Transformer(
            dim=transformer.channels,
            num_blocks=list(transformer.blocks),
            num_refinement_blocks=transformer.refinement_blocks,
            heads=list(transformer.heads),
            ffn_expansion_factor=transformer.expansion,
            embed_dim=prior.width // 4,
            group=prior.side,
        )
        encoders = self._module("hi_diff/archs/latent_encoder_arch.py")
        kind = {"gelu": encoders.latent_encoder_gelu, "leaky_relu": encoders.latent_encoder_lrelu}[encoder.kind]
        shared = {"embed_dim": encoder.channels, "block_num": encoder.blocks, "group": prior.side}
        self.latent_encoder = kind(in_chans=6, stage=1, **shared)
        self.condition_encoder = kind(in_chans=3, stage=2, **shared)
        self.denoiser = self._denoiser()
        for network in self.networks.values():
            network.eval()
        self._take_weights(model)

    def _denoiser(self):
        denoiser, prior = self.config.denoiser, self.config.prior
        if denoiser.kind == "perceptron":
            simple = self._module("hi_diff/archs/denoising_simple_arch.py").simple_denoise
            return simple(n_feats=prior.width // 4, n_denoise_res=denoiser.blocks)
        return self._module("hi_diff/archs/denoising_arch.py").denoising(
            in_channel=prior.width,
            out_channel=prior.width,
            inner_channel=denoiser.hidden,
            block_num=denoiser.blocks + 2,
            group=prior.side,
            channel_expansion=denoiser.channel_expansion,
        )

    def _module(self, path):
        spec = importlib.util.spec_from_file_location(f"hidiff_reference_{Path(path).stem}", Path(self.folder) / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def _take_weights(self, model):
        """Fills the networks so that what `converted` makes of them are the system's weights."""
        places, first = {}, 0
        for network, parameters in self.parameters().items():
            places[network] = {}
            for key, parameter in parameters.items():
                places[network][key] = np.arange(first, first + parameter.numel()).reshape(parameter.shape)
                first += parameter.numel()
        numbers = np.zeros(first, np.float32)
        variables = named_variables(model)
        for name, its_places in converted(places, model, "the official networks").items():
            numbers[its_places] = variables[name].numpy()
        for network, parameters in self.parameters().items():
            for key, parameter in parameters.items():
                parameter.copy_(torch.from_numpy(numbers[places[network][key]]))

    def parameters(self):
        """{network: {its own name: tensor}}, as the published files hold them."""
        return {name: network.state_dict() for name, network in self.networks.items()}

    @property
    def networks(self):
        """{our name: module} of the four."""
        names = ("transformer", "latent_encoder", "condition_encoder", "denoiser")
        return {name: getattr(self, name) for name in names}

    def encoded_prior(self, blurry, sharp):
        """z of the latent encoder; float32 [batch, height, width, 3] in [0, 1] here and below."""
        with torch.no_grad():
            return self.latent_encoder(_channels_first(blurry), _channels_first(sharp)).numpy()

    def diffused_prior(self, blurry, start):
        """The end of the chain that begins with `start`, [batch, tokens, width].

        The official loop is a method of a class that needs far more than networks: its equations are walked here, on the
        official schedules.
        """
        with torch.no_grad():
            return self.follow_chain(self.condition_encoder(_channels_first(blurry)), torch.from_numpy(start)).numpy()

    def follow_chain(self, condition, x):
        """The end of the chain that begins with x, of what the condition encoder says; tensors."""
        chain = self.config.chain
        if chain.predicts == "noise":
            schedule = self._module("hi_diff/utils/beta_schedule.py").make_beta_schedule
        else:
            _stub("ldm")
            _stub("ldm.util", instantiate_from_config=None)
            schedule = self._module("ldm/util2.py").make_beta_schedule
        betas = schedule("linear", chain.steps, chain.beta_start, chain.beta_end)
        alphas = np.cumprod(1.0 - betas)
        before = np.append(1.0, alphas[:-1])
        for i in reversed(range(chain.steps)):
            if chain.predicts == "noise":
                noise = self.denoiser(x, condition, torch.full(x.shape, i + 1, dtype=torch.long))
                image = float(alphas[i] ** -0.5) * x - float((1.0 / alphas[i] - 1.0) ** 0.5) * noise
                image = image.clamp(-1.0, 1.0)
            else:
                image = self.denoiser(x, condition, torch.full(x.shape[:2], i, dtype=torch.long))
            on_image = betas[i] * np.sqrt(before[i]) / (1.0 - alphas[i])
            on_x = (1.0 - before[i]) * np.sqrt(1.0 - betas[i]) / (1.0 - alphas[i])
            x = float(on_image) * image + float(on_x) * x
        return x

    def features(self, blurry, prior):
        """What every level makes, by our names, the 'picture' last."""
        made, hooks = {}, []
        theirs = {
            **{f"encoder_{index}": f"encoder_level{index + 1}" for index in range(3)},
            "bottleneck": "latent",
            **{f"decoder_{index}": f"decoder_level{index + 1}" for index in (2, 1, 0)},
            "refinement": "refinement",
        }
        for ours, name in theirs.items():
            layer = getattr(self.transformer, name)
            hooks.append(layer.register_forward_hook(lambda _, __, output, ours=ours: made.__setitem__(ours, output)))
        with torch.no_grad():
            made["picture"] = self.transformer(_channels_first(blurry), torch.from_numpy(prior))
        for hook in hooks:
            hook.remove()
        return {name: value.permute(0, 2, 3, 1).numpy() for name, value in made.items()}


def _channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
