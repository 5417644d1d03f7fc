#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trains the sample model for a fixed number of steps and writes a Hugging Face folder with F16 weights.

Reads tokenizer.json, train.u16 and held.u16 of train_tokenizer.py. AdamW (0.9, 0.95), weight decay 0.1 on matrices,
gradient clip 1, warm-up, then cosine decay to 5 % of the peak rate. The checkpoint holds everything that a run needs
to go on: stopped and resumed, it takes the same steps as one that was never stopped.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import struct
import sys
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

import check_export
from atomic_files import write_atomically, write_text
from model import SampleModel, Shape

CHECKPOINT = "checkpoint.pt"


def load_ids(path: Path, vocabulary: int) -> np.ndarray:
    """Token ids of a .u16 file; an id beyond the vocabulary is an error."""
    ids = np.fromfile(path, dtype="<u2")
    if len(ids) and int(ids.max()) >= vocabulary:
        raise ValueError(f"{path}: token id {int(ids.max())}, expected below {vocabulary}")
    return ids


def vocabulary_size(tokenizer: Path) -> int:
    """Tokens of a tokenizer.json."""
    return len(json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"])


def learning_rate(step: int, steps: int, peak: float, warmup: int) -> float:
    """Rate of step 0, 1, ... of `steps`."""
    decay = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps))
    return peak * min(1.0, (step + 1) / warmup) * decay


def windows_at(data: np.ndarray, starts: Tensor, length: int, device: torch.device) -> Tensor:
    """[len(starts), length] ids."""
    rows = np.stack([data[start:start + length] for start in starts.tolist()]).astype(np.int64)
    return torch.from_numpy(rows).to(device)


def mean_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean NLL in nats."""
    return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1))


@torch.no_grad()
def held_out_nll(model: SampleModel, held: np.ndarray, device: torch.device, windows: int = 40) -> float:
    """Mean NLL over the first windows of the held-out ids."""
    context = model.shape.context
    starts = torch.arange(0, min(windows, len(held) // context) * context, context)
    if len(starts) == 0:
        return float("nan")
    ids = windows_at(held, starts, context, device)
    return float(mean_loss(model(ids)[:, :-1], ids[:, 1:]))


def export(model: SampleModel, folder: Path, tokenizer: Path) -> None:
    """Writes config.json, tokenizer.json and model.safetensors (F16)."""
    arrays = {name: tensor.detach().cpu().half().contiguous().numpy() for name, tensor in model.hf_tensors().items()}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, array in arrays.items():
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode("utf-8")
    text += b" " * (-len(text) % 8)

    def write(file: BinaryIO) -> None:
        file.write(struct.pack("<Q", len(text)) + text)
        for array in arrays.values():
            file.write(array.astype("<f2").tobytes())

    write_atomically(folder / "model.safetensors", write)
    write_text(folder / "config.json", json.dumps(model.hf_config(), indent=1) + "\n")
    write_text(folder / "tokenizer.json", tokenizer.read_text(encoding="utf-8"))


@torch.no_grad()
def self_check(model: SampleModel, folder: Path, held: np.ndarray) -> bool:
    """Compares the exported folder, read and run by numpy in double precision, with the model in memory.

    Against weights rounded to F16 the logits must agree to F32 accuracy (this proves names, order and layout); against
    the unrounded weights to F16 accuracy.
    """
    ids = held[:model.shape.context].astype(np.int64)
    reference = check_export.logits(*check_export.load(folder), ids)
    original = SampleModel(model.shape)
    original.load_state_dict({name: value.cpu() for name, value in model.state_dict().items()})
    rounded = SampleModel(model.shape)
    rounded.load_state_dict({name: value.cpu().half().float() for name, value in model.state_dict().items()})
    scale = float(np.sqrt(np.mean(reference ** 2)))
    agreed = True
    for name, other, bound in (("F16-rounded weights", rounded, 1e-4), ("trained weights", original, 1e-2)):
        difference = float(np.abs(other(torch.from_numpy(ids)[None])[0].numpy() - reference).max()) / scale
        agreed = agreed and difference <= bound
        print(f"self-check, {name}: largest logit difference / RMS logit = {difference:.2e} (bound {bound:g})")
    return agreed


class Trainer:
    """Model, optimizer and random state: what a checkpoint holds."""

    def __init__(self, shape: Shape, arguments: argparse.Namespace, device: torch.device) -> None:
        torch.manual_seed(arguments.seed)
        self.model = SampleModel(shape).to(device)
        self.device, self.step = device, 0
        self.batches = torch.Generator().manual_seed(arguments.seed + 6)
        matrices = [p for p in self.model.parameters() if p.dim() == 2]
        vectors = [p for p in self.model.parameters() if p.dim() < 2]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
            lr=arguments.learning_rate, betas=(0.9, 0.95))
        # What must not change between a run and its continuation.
        self.plan = {"steps": arguments.steps, "batch": arguments.batch, "seed": arguments.seed,
                     "learning_rate": arguments.learning_rate, "warmup": arguments.warmup,
                     **dataclasses.asdict(shape)}

    def take_step(self, data: np.ndarray) -> float:
        """One optimizer step; returns the loss before it."""
        plan, context = self.plan, self.model.shape.context
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.step, plan["steps"], plan["learning_rate"], plan["warmup"])
        starts = torch.randint(0, len(data) - context, (plan["batch"],), generator=self.batches)
        ids = windows_at(data, starts, context + 1, self.device)
        loss = mean_loss(self.model(ids[:, :-1]), ids[:, 1:])
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        return float(loss.detach())

    def save(self, path: Path) -> None:
        """Writes the checkpoint, atomically. Tensors, whole numbers and text only: it can be loaded without pickle's
        power to run code."""
        state = {"plan": json.dumps(self.plan), "step": self.step, "model": dict(self.model.state_dict()),
                 "moments": self.optimizer.state_dict()["state"], "batches": self.batches.get_state()}
        write_atomically(path, lambda file: torch.save(state, file))

    def resume(self, path: Path) -> None:
        """Continues from a checkpoint of the same plan."""
        state = torch.load(path, map_location="cpu", weights_only=True)
        plan = json.loads(state["plan"])
        for key, value in self.plan.items():
            if plan.get(key) != value:
                raise ValueError(f"{path}: made with {key} = {plan.get(key)}, this run has {value}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state["moments"]})
        self.batches.set_state(state["batches"])
        self.step = state["step"]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("tokens"), help="folder of train_tokenizer.py (tokens)")
    parser.add_argument("-o", "--output", type=Path, default=Path("model"), help="folder to write (model)")
    parser.add_argument("--steps", type=int, default=20000, help="steps of the whole schedule (20000)")
    parser.add_argument("--stop-after", type=int, default=0, help="stop after so many steps of this call (0 = never)")
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --output")
    parser.add_argument("--batch", type=int, default=16, help="windows a step (16)")
    parser.add_argument("--context", type=int, default=256, help="tokens a window; becomes the trained context (256)")
    parser.add_argument("--learning-rate", type=float, default=3e-3, help="peak rate (3e-3)")
    parser.add_argument("--warmup", type=int, default=200, help="steps of warm-up (200)")
    parser.add_argument("--seed", type=int, default=1, help="seed of weights and batches (1)")
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints (200)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU when there is one")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads (0 = as OMP_NUM_THREADS says)")
    parser.add_argument("--self-check", action="store_true", help="compare the exported folder with the model at the end")
    arguments = parser.parse_args()
    for name in ("steps", "batch", "context", "warmup", "save_every"):
        if getattr(arguments, name) < 1:
            parser.error(f"--{name.replace('_', '-')}: expected at least 1")
    return arguments


def train(trainer: Trainer, arguments: argparse.Namespace, data: np.ndarray, held: np.ndarray) -> None:
    """Steps until the schedule or --stop-after ends; saves on the way."""
    first, started = trainer.step, time.monotonic()
    last = min(arguments.steps, first + arguments.stop_after) if arguments.stop_after > 0 else arguments.steps
    while trainer.step < last:
        loss = trainer.take_step(data)
        if trainer.step % 20 == 0 or trainer.step == last:
            rate = (trainer.step - first) * arguments.batch * arguments.context / (time.monotonic() - started)
            print(f"step {trainer.step}/{arguments.steps}  loss {loss:.4f}  {rate:,.0f} tokens/s", flush=True)
        if trainer.step % arguments.save_every == 0 or trainer.step == last:
            print(f"held-out NLL {held_out_nll(trainer.model, held, trainer.device):.4f}", flush=True)
            trainer.save(arguments.output / CHECKPOINT)
            export(trainer.model, arguments.output, arguments.data / "tokenizer.json")


def main() -> int:
    arguments = parse_arguments()
    if arguments.threads > 0:
        torch.set_num_threads(arguments.threads)
    use_gpu = arguments.device == "cuda" or (arguments.device == "auto" and torch.cuda.is_available())
    device = torch.device("cuda" if use_gpu else "cpu")
    try:
        shape = Shape(vocabulary=vocabulary_size(arguments.data / "tokenizer.json"), context=arguments.context)
        data = load_ids(arguments.data / "train.u16", shape.vocabulary)
        held = load_ids(arguments.data / "held.u16", shape.vocabulary)
        if min(len(data), len(held)) <= shape.context:
            raise ValueError(f"{arguments.data}: {len(data)} training and {len(held)} held-out tokens, "
                             f"expected more than {shape.context} of each")
        trainer = Trainer(shape, arguments, device)
        if arguments.resume:
            trainer.resume(arguments.output / CHECKPOINT)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    parameters = sum(parameter.numel() for parameter in trainer.model.parameters())
    print(f"{parameters:,} parameters, {len(data):,} training tokens, {device}, step {trainer.step}", flush=True)
    train(trainer, arguments, data, held)
    if arguments.self_check and not self_check(trainer.model, arguments.output, held):
        print("self-check failed", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
