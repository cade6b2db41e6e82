"""Writes the built-in model as GGUF v3: metadata, then tensor infos, then tensors at 32-byte alignment.

Layouts: the GGUF specification. Q8_0: 32 weights as an f16 scale d = max|w| / 127 and 32 signed bytes round(w / d)."""
import struct

import numpy as np

F32, Q8_0 = 0, 8


def text(s):
    b = s if isinstance(s, bytes) else s.encode()
    return struct.pack("<Q", len(b)) + b


def q8_0(w):
    """The bytes of Q8_0 blocks. The integers are rounded with the full-precision scale, as every quantizer does."""
    b = np.ascontiguousarray(w, dtype=np.float32).reshape(-1, 32)
    d = np.abs(b).max(axis=1, keepdims=True) / np.float32(127)
    inv = np.where(d > 0, 1 / np.where(d > 0, d, 1), 0).astype(np.float32)
    x = b * inv
    q = (np.sign(x) * np.floor(np.abs(x) + np.float32(0.5))).astype(np.int8)
    return np.concatenate([d.astype("<f2").view(np.uint8), q.view(np.uint8)], axis=1).tobytes()


class Writer:
    def __init__(self):
        self.kv, self.n_kv, self.tensors = bytearray(), 0, []

    def put(self, key, kind, payload):
        self.kv += text(key) + struct.pack("<I", kind) + payload
        self.n_kv += 1

    def u32(self, key, v): self.put(key, 4, struct.pack("<I", v))
    def i32(self, key, v): self.put(key, 5, struct.pack("<i", v))
    def f32(self, key, v): self.put(key, 6, struct.pack("<f", v))
    def flag(self, key, v): self.put(key, 7, struct.pack("<?", v))
    def string(self, key, v): self.put(key, 8, text(v))
    def strings(self, key, v): self.put(key, 9, struct.pack("<IQ", 8, len(v)) + b"".join(map(text, v)))
    def i32s(self, key, v): self.put(key, 9, struct.pack("<IQ", 5, len(v)) + np.asarray(v, "<i4").tobytes())

    def tensor(self, name, kind, w):
        """w: [rows][cols]; GGUF names the fastest dimension first."""
        w = np.ascontiguousarray(w, dtype=np.float32)
        self.tensors.append((name, kind, w.shape[::-1], q8_0(w) if kind == Q8_0 else w.astype("<f4").tobytes()))

    def write(self, path):
        infos, at = bytearray(), 0
        for name, kind, dims, data in self.tensors:
            infos += text(name) + struct.pack("<I%dQIQ" % len(dims), len(dims), *dims, kind, at)
            at += (len(data) + 31) // 32 * 32
        with open(path, "wb") as f:
            f.write(b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), self.n_kv) + self.kv + infos)
            for _, _, _, data in self.tensors:
                f.write(b"\0" * (-f.tell() % 32) + data)
            f.write(b"\0" * (-f.tell() % 32))


def byte_names():
    """The printable stand-ins for the 256 bytes in byte-level BPE vocabularies (GPT-2)."""
    keep = set(range(33, 127)) | set(range(161, 173)) | set(range(174, 256))
    table, n = [], 0
    for b in range(256):
        table.append(chr(b) if b in keep else chr(256 + n))
        n += b not in keep
    return table
