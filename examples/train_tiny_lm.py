"""Trains the small language model that comes with mlx_rocm, from nothing, in a few minutes on a CPU.

    python examples/train_tiny_lm.py --out /tmp/tiny            # the built-in stories
    python examples/train_tiny_lm.py --out /tmp/mine --text my.txt --steps 2000
    mlx-rocm generate --model /tmp/tiny --prompt "Once upon a time"

The stories come from a grammar (``story_grammar.py``); any plain text, with empty lines between its
pieces, can take their place. The steps: train a byte-pair tokenizer, train a Llama-style model (the one in
mlx-lm, on our arrays), save it as a Hugging Face folder, quantise it to 4 bits with mlx-lm's ``convert``,
draw the loss curve.
"""

import mlx_rocm.alias  # noqa: F401 - first, since mlx_lm imports mlx

# isort: split
import argparse
import json
import math
import shutil
import time
from functools import partial
from pathlib import Path

import numpy as np
from mlx_lm.convert import convert
from mlx_lm.models import llama
from mlx_lm.utils import save_config, save_model
from story_grammar import write_stories

import mlx_rocm.core as mx
import mlx_rocm.optimizers as optim
from mlx_rocm import nn
from mlx_rocm.utils import tree_flatten

END = "<|endoftext|>"
# No roles: the model has seen stories only, so a chat or a server request goes on with the text it gets.
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def train_tokenizer(texts, vocab_size, folder):
    """A byte-level BPE tokenizer trained on the texts, saved in Hugging Face's format."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, special_tokens=[END], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 512,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    return tokenizer


def model_config(vocab_size, end_token):
    """About 1.5 million parameters; every row length is a multiple of the quantisation group of 64."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 3,
        "num_attention_heads": 6,
        "num_key_value_heads": 3,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "vocab_size": vocab_size,
        "eos_token_id": end_token,
    }


def loss_fn(model, tokens):
    logits = model(tokens[:, :-1]).astype(mx.float32)
    return nn.losses.cross_entropy(logits, tokens[:, 1:], reduction="mean")


def make_batches(tokens, length, size, seed):
    """Endless batches of random windows of the token stream."""
    rng = np.random.default_rng(seed)
    while True:
        starts = rng.integers(0, len(tokens) - length - 1, size)
        yield mx.array(np.stack([tokens[s : s + length + 1] for s in starts]).astype(np.int32))


def train(model, tokens, held_out, options):
    """Trains in place; returns [(step, training loss)] and [(step, held-out loss)]."""
    warmup = max(1, min(50, options.steps // 10))
    schedule = optim.join_schedules(
        [
            optim.linear_schedule(1e-6, options.learning_rate, warmup),
            optim.cosine_decay(
                options.learning_rate, max(1, options.steps - warmup), options.learning_rate * 0.05
            ),
        ],
        [warmup],
    )
    optimizer = optim.AdamW(learning_rate=schedule, weight_decay=0.05)
    loss_and_grad = nn.value_and_grad(model, loss_fn)
    state = [model.state, optimizer.state]

    @partial(mx.compile, inputs=state, outputs=state)
    def step(batch):
        loss, gradients = loss_and_grad(model, batch)
        gradients, _ = optim.clip_grad_norm(gradients, 1.0)
        optimizer.update(model, gradients)
        return loss

    batches = make_batches(tokens, options.length, options.batch, options.seed)
    check = next(make_batches(held_out, options.length, 32, options.seed + 1))
    losses, held_out_losses, start, recent = [], [], time.perf_counter(), []
    for number in range(1, options.steps + 1):
        loss = step(next(batches))
        mx.eval(loss, state)
        recent.append(loss.item())
        if number % 10 == 0 or number == options.steps:
            losses.append((number, sum(recent) / len(recent)))
            recent = []
        if number % 50 == 0 or number == options.steps:
            held_out_losses.append((number, loss_fn(model, check).item()))
            seconds = time.perf_counter() - start
            rate = number * options.batch * options.length / seconds
            left = seconds / number * (options.steps - number)
            print(
                f"step {number:5d}/{options.steps}  loss {losses[-1][1]:.3f}  held out "
                f"{held_out_losses[-1][1]:.3f}  {rate:6.0f} tokens/s  {left:4.0f} s left",
                flush=True,
            )
    return losses, held_out_losses


def draw(losses, held_out_losses, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(*zip(*losses, strict=True), label="training", color="#999999")
    axes.plot(*zip(*held_out_losses, strict=True), label="held-out stories", color="#c0392b", marker=".")
    axes.set(xlabel="step", ylabel="cross entropy (nats per token)", yscale="log")
    axes.set_yticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"], minor=False)
    axes.set_yticks([], minor=True)
    axes.legend()
    figure.savefig(path, dpi=110)


def parse_options():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", required=True, help="folder of the 4-bit model (must not exist yet)")
    parser.add_argument("--text", help="plain text file to learn from instead of the stories")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128, help="tokens in a training window")
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--bits", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", help="write the loss curve to this PNG file")
    return parser.parse_args()


def main():
    options = parse_options()
    out = Path(options.out)
    full = out.with_name(out.name + "-float32")
    for folder in (out, full):
        if folder.exists():
            raise SystemExit(f"{folder} exists already.")
    full.mkdir(parents=True)
    mx.random.seed(options.seed)
    texts = (
        Path(options.text).read_text().split("\n\n") if options.text else write_stories(6000, options.seed)
    )
    tokenizer = train_tokenizer(texts, options.vocab, full)
    tokens = np.concatenate([[*e.ids, tokenizer.token_to_id(END)] for e in tokenizer.encode_batch(texts)])
    cut = max(options.length + 2, len(tokens) // 20)

    config = model_config(tokenizer.get_vocab_size(), tokenizer.token_to_id(END))
    model = llama.Model(llama.ModelArgs.from_dict(config))
    mx.eval(model.parameters())
    count = sum(v.size for _, v in tree_flatten(model.parameters()))
    print(
        f"{len(texts)} texts, {len(tokens)} tokens, {count / 1e6:.2f} million parameters, "
        f"on {mx.default_device()}; a random guess costs {math.log(config['vocab_size']):.2f}"
    )
    losses, held_out_losses = train(model, tokens[:-cut], tokens[-cut:], options)

    save_model(full, model)
    save_config(config, full / "config.json")
    convert(str(full), str(out), quantize=True, q_bits=options.bits, q_group_size=64, dtype="float32")
    (out / "README.md").unlink(missing_ok=True)
    shutil.rmtree(full)
    if options.plot:
        draw(losses, held_out_losses, options.plot)
    size = sum(f.stat().st_size for f in out.iterdir())
    print(
        f"saved {out} ({size / 1e6:.2f} MB). Try: mlx-rocm generate --model {out} --prompt 'Once upon a time'"
    )


if __name__ == "__main__":
    main()
