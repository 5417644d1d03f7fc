# SPDX-License-Identifier: GPL-3.0-or-later
"""The sample model in PyTorch: RMSNorm, RoPE (half-split pairs), SwiGLU, grouped queries, tied embeddings."""

from __future__ import annotations

import dataclasses
import math

import torch
from torch import Tensor, nn


@dataclasses.dataclass(frozen=True)
class Shape:
    """Sizes of the model; the defaults are those of qroar-nano."""

    width: int = 128
    layers: int = 5
    heads: int = 4
    kv_heads: int = 2
    head_size: int = 32
    hidden: int = 384
    vocabulary: int = 1024
    context: int = 256
    theta: float = 10000.0
    epsilon: float = 1e-5


class RmsNorm(nn.Module):
    """x / rms(x) * weight, over the last axis."""

    def __init__(self, width: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


def rotate(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """RoPE on [batch, heads, tokens, head_size]; tables are [tokens, head_size]."""
    first, second = x.chunk(2, dim=-1)
    return x * cosine + torch.cat([-second, first], dim=-1) * sine


class Layer(nn.Module):
    """Attention and gated MLP, each with its norm in front and a residual around."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        queries, keys = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
        self.q_proj = nn.Linear(shape.width, queries, bias=False)
        self.k_proj = nn.Linear(shape.width, keys, bias=False)
        self.v_proj = nn.Linear(shape.width, keys, bias=False)
        self.o_proj = nn.Linear(queries, shape.width, bias=False)
        self.gate_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.up_proj = nn.Linear(shape.width, shape.hidden, bias=False)
        self.down_proj = nn.Linear(shape.hidden, shape.width, bias=False)
        self.input_norm = RmsNorm(shape.width, shape.epsilon)
        self.post_attention_norm = RmsNorm(shape.width, shape.epsilon)

    def forward(self, x: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        x = x + self.attend(self.input_norm(x), cosine, sine, mask)
        y = self.post_attention_norm(x)
        return x + self.down_proj(nn.functional.silu(self.gate_proj(y)) * self.up_proj(y))

    def attend(self, y: Tensor, cosine: Tensor, sine: Tensor, mask: Tensor) -> Tensor:
        """Causal attention; y and the result are [batch, tokens, width]."""
        shape, (batch, tokens, _) = self.shape, y.shape

        def split(z: Tensor, heads: int) -> Tensor:
            return z.view(batch, tokens, heads, shape.head_size).transpose(1, 2)

        group = shape.heads // shape.kv_heads
        q = rotate(split(self.q_proj(y), shape.heads), cosine, sine)
        k = rotate(split(self.k_proj(y), shape.kv_heads), cosine, sine).repeat_interleave(group, 1)
        v = split(self.v_proj(y), shape.kv_heads).repeat_interleave(group, 1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(shape.head_size) + mask
        attended = torch.softmax(scores, dim=-1) @ v
        return self.o_proj(attended.transpose(1, 2).reshape(batch, tokens, shape.heads * shape.head_size))


class SampleModel(nn.Module):
    """Token ids [batch, tokens] to logits [batch, tokens, vocabulary]."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.final_norm = RmsNorm(shape.width, shape.epsilon)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, 0.0, 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        tokens, device = ids.shape[1], ids.device
        pairs = torch.arange(0, self.shape.head_size, 2, device=device).float() / self.shape.head_size
        angles = torch.outer(torch.arange(tokens, device=device).float(), self.shape.theta ** (-pairs))
        angles = torch.cat([angles, angles], dim=-1)
        cosine, sine = angles.cos(), angles.sin()
        mask = torch.triu(torch.full((tokens, tokens), -1e9, device=device), 1)
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x, cosine, sine, mask)
        return self.final_norm(x) @ self.embedding.weight.t()

    def hf_tensors(self) -> dict[str, Tensor]:
        """Parameters under the names of a Hugging Face LlamaForCausalLM."""
        tensors = {"model.embed_tokens.weight": self.embedding.weight, "model.norm.weight": self.final_norm.weight}
        for index, layer in enumerate(self.layers):
            prefix = f"model.layers.{index}."
            for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
                tensors[f"{prefix}self_attn.{name}.weight"] = getattr(layer, name).weight
            for name in ("gate_proj", "up_proj", "down_proj"):
                tensors[f"{prefix}mlp.{name}.weight"] = getattr(layer, name).weight
            tensors[f"{prefix}input_layernorm.weight"] = layer.input_norm.weight
            tensors[f"{prefix}post_attention_layernorm.weight"] = layer.post_attention_norm.weight
        return tensors

    def hf_config(self) -> dict[str, object]:
        """The content of config.json."""
        shape = self.shape
        return {
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": shape.width,
            "intermediate_size": shape.hidden, "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_size,
            "vocab_size": shape.vocabulary, "max_position_embeddings": shape.context, "rope_theta": shape.theta,
            "rope_scaling": None, "rms_norm_eps": shape.epsilon, "hidden_act": "silu", "tie_word_embeddings": True,
            "attention_bias": False, "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "float16",
        }
