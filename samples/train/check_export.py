#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads an exported Hugging Face folder with numpy alone and runs it in double precision.

A second opinion that shares no code with the training program: its own safetensors reader, its own forward pass. As a
program it prints the mean NLL (nats a token) on token ids; as a module it gives train_model.py the logits to compare.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = {"F16": np.dtype("<f2"), "F32": np.dtype("<f4"), "F64": np.dtype("<f8")}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """Every tensor as float64."""
    raw = path.read_bytes()
    (header_bytes,) = struct.unpack_from("<Q", raw)
    header = json.loads(raw[8:8 + header_bytes])
    body = memoryview(raw)[8 + header_bytes:]
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = np.frombuffer(body[begin:end], dtype=DTYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"]).astype(np.float64)
    return tensors


def rms_norm(x: np.ndarray, weight: np.ndarray, epsilon: float) -> np.ndarray:
    """RMSNorm over the last axis."""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + epsilon) * weight


def rotate(x: np.ndarray, theta: float) -> np.ndarray:
    """RoPE on [heads, tokens, head_dim], half-split pairs."""
    half = x.shape[-1] // 2
    angles = np.outer(np.arange(x.shape[1]), theta ** (-2.0 * np.arange(half) / x.shape[-1]))
    cosine, sine = np.cos(angles), np.sin(angles)
    first, second = x[..., :half], x[..., half:]
    return np.concatenate([first * cosine - second * sine, second * cosine + first * sine], axis=-1)


def softmax(x: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logits(config: dict[str, Any], weights: dict[str, np.ndarray], ids: np.ndarray) -> np.ndarray:
    """[tokens, vocabulary] of one sequence that starts at position 0."""
    heads, kv_heads, size = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
    tokens, epsilon, theta = len(ids), config["rms_norm_eps"], config["rope_theta"]
    hidden = np.triu(np.full((tokens, tokens), -np.inf), 1)
    x = weights["model.embed_tokens.weight"][ids]
    for layer in range(config["num_hidden_layers"]):
        def get(name: str, prefix: str = f"model.layers.{layer}.") -> np.ndarray:
            return weights[prefix + name + ".weight"]

        y = rms_norm(x, get("input_layernorm"), epsilon)
        q = (y @ get("self_attn.q_proj").T).reshape(tokens, heads, size).transpose(1, 0, 2)
        k = (y @ get("self_attn.k_proj").T).reshape(tokens, kv_heads, size).transpose(1, 0, 2)
        v = (y @ get("self_attn.v_proj").T).reshape(tokens, kv_heads, size).transpose(1, 0, 2)
        q, k = rotate(q, theta), rotate(k, theta)
        k, v = np.repeat(k, heads // kv_heads, axis=0), np.repeat(v, heads // kv_heads, axis=0)
        attended = softmax(q @ k.transpose(0, 2, 1) / np.sqrt(size) + hidden) @ v
        x = x + attended.transpose(1, 0, 2).reshape(tokens, heads * size) @ get("self_attn.o_proj").T
        y = rms_norm(x, get("post_attention_layernorm"), epsilon)
        gate = y @ get("mlp.gate_proj").T
        x = x + (gate / (1 + np.exp(-gate)) * (y @ get("mlp.up_proj").T)) @ get("mlp.down_proj").T
    return rms_norm(x, weights["model.norm.weight"], epsilon) @ weights["model.embed_tokens.weight"].T


def load(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(config, weights) of a folder with config.json and model.safetensors."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    return config, read_safetensors(folder / "model.safetensors")


def mean_nll(folder: Path, ids: np.ndarray, context: int, windows: int) -> float:
    """Mean NLL in nats over the predicted tokens of the first `windows` windows."""
    config, weights = load(folder)
    total, count = 0.0, 0
    for window in range(min(windows, len(ids) // context)):
        part = ids[window * context:(window + 1) * context].astype(np.int64)
        row = logits(config, weights, part)[:-1]
        row = row - row.max(axis=-1, keepdims=True)
        nll = np.log(np.exp(row).sum(axis=-1)) - row[np.arange(context - 1), part[1:]]
        total, count = total + float(nll.sum()), count + context - 1
    return total / count if count else float("nan")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder with config.json and model.safetensors")
    parser.add_argument("ids", type=Path, help="token ids, .u16")
    parser.add_argument("--context", type=int, default=256, help="tokens a window (256)")
    parser.add_argument("--windows", type=int, default=8, help="windows at most (8)")
    arguments = parser.parse_args()
    ids = np.fromfile(arguments.ids, dtype="<u2")
    print(f"{mean_nll(arguments.model, ids, arguments.context, arguments.windows):.6f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
