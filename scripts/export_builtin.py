#!/usr/bin/python3
"""Writes a trained model as GGUF, once in float32 and once quantized.

    export_builtin.py MODEL.pt TOKENIZER.json F32.gguf Q8_0.gguf

Needs python3-torch (to read MODEL.pt) and numpy. Rows of Q and K are permuted from halves (i, i + d/2) to the pairs
(2i, 2i + 1) that the llama architecture rotates. Norms stay float32.
"""
import math
import os
import sys

import torch

sys.path.insert(0, __file__.rsplit("/", 1)[0])
from builtin_gguf import F32, Q8_0, Writer, byte_names
from builtin_tokenizer import CONTROL, Tokenizer

NAME = "Tales 3M"
TEMPLATE = ("{% for m in messages %}{% if m.role != 'system' %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endif %}"
            "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}")


def pairs(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, w.shape[1]).swapaxes(1, 2).reshape(w.shape)


def export(saved, tok, path, kind):
    c, s = saved["cfg"], {k: v.float().numpy() for k, v in saved["state"].items()}
    w = Writer()
    w.string("general.architecture", "llama")
    w.string("general.type", "model")
    w.string("general.name", NAME)
    w.string("general.basename", "Tales")
    w.string("general.size_label", "3M")
    w.string("general.author", "the slm authors")
    w.string("general.license", "mit")
    w.string("general.description", (
        "The built-in model of slm: children's stories, small sums, short answers, in English. Trained from nothing on a generated "
        "corpus: scripts/builtin_corpus.py, builtin_tokenizer.py, train_builtin.py (seeds up to %d), export_builtin.py; see models/README.md. "
        "Steps: %d. Tokens seen: %d. Held-out loss in float32: %.5f nats per token (perplexity %.4f)%s.") % (
            saved["seed"], saved["step"], saved["seen"], saved["held"], math.exp(saved["held"]),
            ", weights averaged over the last tenth of the run" if saved["averaged"] else ""))
    w.strings("general.tags", ["text-generation", "stories"])
    w.strings("general.languages", ["en"])
    w.u32("general.file_type", {F32: 0, Q8_0: 7}[kind])
    w.u32("general.quantization_version", 2)
    w.f32("general.sampling.temp", 0.6)
    w.i32("general.sampling.top_k", 40)
    w.f32("general.sampling.top_p", 0.9)
    w.f32("general.sampling.min_p", 0.05)
    w.u32("llama.block_count", c["layers"])
    w.u32("llama.context_length", c["ctx"])
    w.u32("llama.embedding_length", c["d"])
    w.u32("llama.feed_forward_length", c["ff"])
    w.u32("llama.attention.head_count", c["heads"])
    w.u32("llama.attention.head_count_kv", c["kv_heads"])
    w.f32("llama.attention.layer_norm_rms_epsilon", c["eps"])
    w.u32("llama.attention.key_length", c["hd"])
    w.u32("llama.attention.value_length", c["hd"])
    w.f32("llama.rope.freq_base", c["rope"])
    w.u32("llama.rope.dimension_count", c["hd"])
    w.u32("llama.vocab_size", c["vocab"])

    byte = byte_names()
    name = lambda b: "".join(byte[x] for x in b)
    first = 256 + len(CONTROL)
    names = [CONTROL[i - 256] if 256 <= i < first else name(tok.bytes[i]) for i in range(len(tok.bytes))]
    names += ["<|unused %d|>" % i for i in range(len(names), c["vocab"])]
    w.string("tokenizer.ggml.model", "gpt2")
    w.string("tokenizer.ggml.pre", "qwen2")
    w.strings("tokenizer.ggml.tokens", names)
    w.i32s("tokenizer.ggml.token_type", [3 if 256 <= i < first else 1 if i < len(tok.bytes) else 5 for i in range(len(names))])
    w.strings("tokenizer.ggml.merges", [names[a] + " " + names[b] for a, b in tok.merges])
    w.u32("tokenizer.ggml.eos_token_id", CONTROL.index("<|end|>") + 256)
    w.u32("tokenizer.ggml.padding_token_id", CONTROL.index("<|end|>") + 256)
    w.flag("tokenizer.ggml.add_bos_token", False)
    w.flag("tokenizer.ggml.add_eos_token", False)
    w.string("tokenizer.chat_template", TEMPLATE)

    w.tensor("token_embd.weight", kind, s["emb.weight"])
    w.tensor("output_norm.weight", F32, s["norm.w"])
    for i in range(c["layers"]):
        of, to = "blocks.%d." % i, "blk.%d." % i
        w.tensor(to + "attn_norm.weight", F32, s[of + "n1.w"])
        w.tensor(to + "attn_q.weight", kind, pairs(s[of + "q.weight"], c["heads"]))
        w.tensor(to + "attn_k.weight", kind, pairs(s[of + "k.weight"], c["kv_heads"]))
        w.tensor(to + "attn_v.weight", kind, s[of + "v.weight"])
        w.tensor(to + "attn_output.weight", kind, s[of + "o.weight"])
        w.tensor(to + "ffn_norm.weight", F32, s[of + "n2.w"])
        w.tensor(to + "ffn_gate.weight", kind, s[of + "gate.weight"])
        w.tensor(to + "ffn_up.weight", kind, s[of + "up.weight"])
        w.tensor(to + "ffn_down.weight", kind, s[of + "down.weight"])
    w.write(path)
    print("%s: %d bytes" % (path, os.path.getsize(path)))


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    saved, tok = torch.load(sys.argv[1]), Tokenizer.load(sys.argv[2])
    export(saved, tok, sys.argv[3], F32)
    export(saved, tok, sys.argv[4], Q8_0)
