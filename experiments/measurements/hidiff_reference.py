"""Official PyTorch networks of HI-Diff, imported from a copy of their repository, with the weights of one of our models."""

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import torch

from icdpm.models.hidiff_published import convert
from icdpm.models.weights import named_variables


class _Registry:
    """Stands in for `basicsr`'s registry of networks, so that basicsr need not be installed."""

    def register(self):
        return lambda network: network


def _stub_module(name, **attributes):
    module = types.ModuleType(name)
    vars(module).update(attributes)
    sys.modules.setdefault(name, module)


class HIDiffReference:
    """Official networks with the sizes and the weights of a model of this project.

    Images are float32 [batch, height, width, 3] in [0, 1].

    Args:
      folder: copy of the repository zhengchen1999/HI-Diff.
      model: `icdpm.models.hidiff.HIDiff` of the second stage.
    """

    def __init__(self, folder, model):
        for name in ("basicsr", "basicsr.utils", "basicsr.utils.registry"):
            _stub_module(name, ARCH_REGISTRY=_Registry())
        self.folder, self.config = folder, model.config
        transformer, encoder, prior = (self.config[section] for section in ("transformer", "encoder", "prior"))
        self.transformer = self._import("hi_diff/archs/Transformer_arch.py").Transformer(
            dim=transformer.channels,
            num_blocks=list(transformer.blocks),
            num_refinement_blocks=transformer.refinement_blocks,
            heads=list(transformer.heads),
            ffn_expansion_factor=transformer.expansion,
            embed_dim=prior.width // 4,
            group=prior.side,
        )
        encoders = self._import("hi_diff/archs/latent_encoder_arch.py")
        kind = {"gelu": encoders.latent_encoder_gelu, "leaky_relu": encoders.latent_encoder_lrelu}[encoder.kind]
        shared = {"embed_dim": encoder.channels, "block_num": encoder.blocks, "group": prior.side}
        self.latent_encoder = kind(in_chans=6, stage=1, **shared)
        self.condition_encoder = kind(in_chans=3, stage=2, **shared)
        self.denoiser = self._build_denoiser()
        for network in self.networks.values():
            network.eval()
        self._copy_weights(model)

    def _build_denoiser(self):
        denoiser, prior = self.config.denoiser, self.config.prior
        if denoiser.kind == "perceptron":
            simple = self._import("hi_diff/archs/denoising_simple_arch.py").simple_denoise
            return simple(n_feats=prior.width // 4, n_denoise_res=denoiser.blocks)
        return self._import("hi_diff/archs/denoising_arch.py").denoising(
            in_channel=prior.width,
            out_channel=prior.width,
            inner_channel=denoiser.hidden,
            block_num=denoiser.blocks + 2,
            group=prior.side,
            channel_expansion=denoiser.channel_expansion,
        )

    def _import(self, path):
        spec = importlib.util.spec_from_file_location(f"hidiff_reference_{Path(path).stem}", Path(self.folder) / path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def _copy_weights(self, model):
        """Copies the weights of the model into the networks, by inverting the conversion of published weights.

        The conversion only moves values. Applied to indices instead of weights, it gives the source index of each value.
        """
        indices, count = {}, 0
        for network, parameters in self.parameters().items():
            indices[network] = {}
            for key, parameter in parameters.items():
                indices[network][key] = np.arange(count, count + parameter.numel()).reshape(parameter.shape)
                count += parameter.numel()
        values = np.zeros(count, np.float32)
        variables = named_variables(model)
        for name, converted_indices in convert(indices, model, "the official networks").items():
            values[converted_indices] = variables[name].numpy()
        for network, parameters in self.parameters().items():
            for key, parameter in parameters.items():
                parameter.copy_(torch.from_numpy(values[indices[network][key]]))

    def parameters(self):
        """Returns {network: {official parameter name: tensor}}, the layout of the published files."""
        return {name: network.state_dict() for name, network in self.networks.items()}

    @property
    def networks(self):
        """The four networks, {name in this project: torch.nn.Module}."""
        names = ("transformer", "latent_encoder", "condition_encoder", "denoiser")
        return {name: getattr(self, name) for name in names}

    def encoded_prior(self, blurry, sharp):
        """Returns the prior z of the latent encoder (first stage), float32 [batch, tokens, width]."""
        with torch.no_grad():
            return self.latent_encoder(_channels_first(blurry), _channels_first(sharp)).numpy()

    def diffused_prior(self, blurry, start):
        """Returns the prior at the end of the reverse chain.

        Args:
          blurry: blurry images.
          start: noise at the start of the chain, float32 [batch, tokens, width].
        """
        with torch.no_grad():
            return self.sample_chain(self.condition_encoder(_channels_first(blurry)), torch.from_numpy(start)).numpy()

    def sample_chain(self, condition, x):
        """Runs the reverse chain on tensors and returns its end.

        The official loop is a method of a class with many more dependencies. This loop has the same equations and uses the
        official noise schedules.

        Args:
          condition: output of the condition encoder.
          x: noise at the start of the chain, [batch, tokens, width].
        """
        chain = self.config.chain
        if chain.predicts == "noise":
            schedule = self._import("hi_diff/utils/beta_schedule.py").make_beta_schedule
        else:
            _stub_module("ldm")
            _stub_module("ldm.util", instantiate_from_config=None)
            schedule = self._import("ldm/util2.py").make_beta_schedule
        betas = schedule("linear", chain.steps, chain.beta_start, chain.beta_end)
        alphas = np.cumprod(1.0 - betas)
        previous_alphas = np.append(1.0, alphas[:-1])
        for i in reversed(range(chain.steps)):
            if chain.predicts == "noise":
                noise = self.denoiser(x, condition, torch.full(x.shape, i + 1, dtype=torch.long))
                image = float(alphas[i] ** -0.5) * x - float((1.0 / alphas[i] - 1.0) ** 0.5) * noise
                image = image.clamp(-1.0, 1.0)
            else:
                image = self.denoiser(x, condition, torch.full(x.shape[:2], i, dtype=torch.long))
            image_weight = betas[i] * np.sqrt(previous_alphas[i]) / (1.0 - alphas[i])
            x_weight = (1.0 - previous_alphas[i]) * np.sqrt(1.0 - betas[i]) / (1.0 - alphas[i])
            x = float(image_weight) * image + float(x_weight) * x
        return x

    def features(self, blurry, prior):
        """Returns {name in this project: output of each level, float32 NHWC}; the restored image is last."""
        outputs, hooks = {}, []
        official_names = {
            **{f"encoder_{index}": f"encoder_level{index + 1}" for index in range(3)},
            "bottleneck": "latent",
            **{f"decoder_{index}": f"decoder_level{index + 1}" for index in (2, 1, 0)},
            "refinement": "refinement",
        }
        for ours, name in official_names.items():
            layer = getattr(self.transformer, name)
            hooks.append(layer.register_forward_hook(lambda _, __, output, ours=ours: outputs.__setitem__(ours, output)))
        with torch.no_grad():
            outputs["image"] = self.transformer(_channels_first(blurry), torch.from_numpy(prior))
        for hook in hooks:
            hook.remove()
        return {name: value.permute(0, 2, 3, 1).numpy() for name, value in outputs.items()}


def _channels_first(images):
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
