"""Small networks written as their users write them: sizes in attributes, heads in views, tied weights, gates."""

import torch
import torch.nn.functional as F
from torch import nn

FEATURES, HEADS = 12, 3


class SplitByAttribute(nn.Module):
    """A language model's block, as nanoGPT has it: queries, keys and values split by ``n_embd``, heads by division."""

    def __init__(self):
        super().__init__()
        self.n_embd, self.n_head = FEATURES, HEADS
        self.wte, self.wpe = nn.Embedding(10, FEATURES), nn.Embedding(6, FEATURES)
        self.ln_1, self.ln_2 = nn.LayerNorm(FEATURES), nn.LayerNorm(FEATURES)
        self.c_attn, self.c_proj = nn.Linear(FEATURES, 3 * FEATURES), nn.Linear(FEATURES, FEATURES)
        self.c_fc, self.mlp_proj = nn.Linear(FEATURES, 20), nn.Linear(20, FEATURES)
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.size(1), device=tokens.device))
        batch, length, features = x.size()
        parts = self.c_attn(self.ln_1(x)).split(self.n_embd, dim=2)
        q, k, v = (p.view(batch, length, self.n_head, features // self.n_head).transpose(1, 2) for p in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.c_proj(y.transpose(1, 2).contiguous().view(batch, length, features))
        x = x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x))))
        return self.head(x[:, -1])


class VisionAttention(nn.Module):
    """Queries, keys and values as an axis of their own, unbound (timm's attention)."""

    def __init__(self, fused=True):
        super().__init__()
        self.num_heads, self.head_dim, self.fused = HEADS, FEATURES // HEADS, fused
        self.qkv, self.proj = nn.Linear(FEATURES, 3 * FEATURES), nn.Linear(FEATURES, FEATURES)
        self.q_norm = nn.LayerNorm(self.head_dim)

    def forward(self, x):
        batch, tokens, features = x.shape
        packed = self.qkv(x).reshape(batch, tokens, 3, self.num_heads, self.head_dim).permute(2, 0, 3, 1, 4)
        q, k, v = packed.unbind(0)
        q = self.q_norm(q)
        if self.fused:
            x = F.scaled_dot_product_attention(q, k, v)
        else:
            x = ((q * self.head_dim**-0.5) @ k.transpose(-2, -1)).softmax(dim=-1) @ v
        return self.proj(x.transpose(1, 2).reshape(batch, tokens, features))


class VisionTransformer(nn.Module):
    def __init__(self, fused):
        super().__init__()
        self.patches = nn.Conv2d(3, FEATURES, 2, stride=2)
        self.cls = nn.Parameter(torch.randn(1, 1, FEATURES))
        self.positions = nn.Parameter(torch.randn(1, 10, FEATURES))
        self.norm, self.attention = nn.LayerNorm(FEATURES), VisionAttention(fused)
        self.scale = nn.Parameter(torch.rand(FEATURES))
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), dim=1) + self.positions
        return self.head((x + self.scale * self.attention(self.norm(x)))[:, 0])


class TorchAttention(nn.Module):
    """torch's own attention between two streams, with and without its weights, batch or sequence first."""

    def __init__(self, batch_first=True, need_weights=False, context=FEATURES):
        super().__init__()
        self.batch_first, self.need_weights = batch_first, need_weights
        self.inputs, self.context = nn.Linear(5, FEATURES), nn.Linear(5, context)
        self.attention = nn.MultiheadAttention(FEATURES, HEADS, batch_first=batch_first, kdim=context, vdim=context)
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, x):
        x, context = self.inputs(x), self.context(x)
        if not self.batch_first:
            x, context = x.transpose(0, 1), context.transpose(0, 1)
        y, _ = self.attention(x, context, context, need_weights=self.need_weights)
        return self.head(y.mean(1 if self.batch_first else 0))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs = nn.Linear(5, FEATURES)
        self.encoder = nn.TransformerEncoderLayer(FEATURES, HEADS, 20, batch_first=True)
        self.head = nn.Linear(FEATURES, 3)

    def forward(self, x):
        return self.head(self.encoder(self.inputs(x)).mean(1))


class Attentive(nn.Module):
    """Squeeze and excitation through linear layers, then attention over the map (CBAM)."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 8, 3, padding=1)
        self.gate = nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(4, 8), nn.Sigmoid())
        self.narrow, self.place = nn.Conv2d(8, 6, 1), nn.Conv2d(2, 1, 3, padding=1)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        x = self.conv(x)
        batch, channels, _, _ = x.size()
        gate = self.gate(F.adaptive_avg_pool2d(x, 1).view(batch, channels)).view(batch, channels, 1, 1)
        x = x * gate.expand_as(x)
        place = torch.cat([x.mean(1, keepdim=True), x.max(1, keepdim=True)[0]], 1)
        return self.head((self.narrow(x) * self.place(place).sigmoid()).amax((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down, self.middle = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up, self.head = nn.Conv2d(12, 6, 3, padding=1), nn.Conv2d(6, 3, 1)

    def forward(self, x):
        fine = self.down(x).relu()
        coarse = F.interpolate(self.middle(F.max_pool2d(fine, 2)).relu(), scale_factor=2, mode="nearest")
        return self.head(self.up(torch.cat([fine, coarse], 1)).relu()).mean((2, 3))


class TextConvolutions(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(10, 8, padding_idx=0)
        self.convs = nn.ModuleList(nn.Conv1d(8, 5, kernel) for kernel in (2, 3))
        self.head = nn.Linear(10, 3)

    def forward(self, tokens):
        x = self.embedding(tokens).transpose(1, 2)
        return self.head(torch.cat([conv(x).relu().max(dim=2)[0] for conv in self.convs], 1))


class GatedConvolutions(nn.Module):
    """Dilated, causal, gated, with skips, of which the last layer's residual branch is never used (WaveNet)."""

    def __init__(self):
        super().__init__()
        self.inputs = nn.Conv1d(2, 6, 1)
        self.dilated = nn.ModuleList(nn.Conv1d(6, 12, 2, dilation=2**i) for i in range(2))
        self.residual = nn.ModuleList(nn.Conv1d(6, 6, 1) for _ in range(2))
        self.skip = nn.ModuleList(nn.Conv1d(6, 5, 1) for _ in range(2))
        self.head = nn.Conv1d(5, 3, 1)

    def forward(self, x):
        x, skips = self.inputs(x), 0
        for i, (dilated, residual, skip) in enumerate(zip(self.dilated, self.residual, self.skip, strict=True)):
            a, b = dilated(F.pad(x, (2**i, 0))).chunk(2, 1)
            z = torch.tanh(a) * torch.sigmoid(b)
            x, skips = x + residual(z), skips + skip(z)
        return self.head(F.relu(skips)).mean(-1)


class Tied(nn.Module):
    """A layer that is used twice, and two layers with one weight."""

    def __init__(self):
        super().__init__()
        self.inputs, self.twice = nn.Linear(5, 8), nn.Linear(8, 8)
        self.also = nn.Linear(8, 8)
        self.also.weight = self.twice.weight
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.also(self.twice(self.twice(self.inputs(x)).relu()).relu()))


class Functional(nn.Module):
    """Weights of the module's own, scalars, masks and gates: no layer but the first and the last."""

    def __init__(self):
        super().__init__()
        self.inputs = nn.Linear(5, 16)
        self.mixing = nn.Parameter(torch.randn(8, 6))
        self.temperature = nn.Parameter(torch.ones(()))
        self.register_buffer("offset", torch.tensor(2.0))
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        x = F.glu(self.inputs(x), dim=-1)
        x = (1 - x * 2 + x / 3 - (-x)).clamp(-3, 3) * self.temperature + self.offset
        x = torch.where(x > 0, x, x**2).masked_fill(x > 4, 0.5)
        y = x @ self.mixing
        return self.head(torch.stack([y, y.abs().sqrt()], 1).flatten(1))


class Sums(nn.Module):
    """One layer beside two that are concatenated: its units are theirs."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.both = nn.Linear(5, 4), nn.Linear(5, 3), nn.Linear(5, 7)
        self.inner, self.outer, self.head = nn.Linear(4, 6), nn.Linear(6, 3), nn.Linear(7, 3)

    def forward(self, x):
        a = self.a(x)
        return self.head(self.both(x) + torch.cat([a, self.b(x)], 1)) + self.outer(self.inner(a))


class Recurrent(nn.Module):
    """What nest() knows no rule for, between layers that it does."""

    def __init__(self):
        super().__init__()
        self.inputs, self.gru = nn.Linear(5, 6), nn.GRU(6, 8, batch_first=True)
        self.hidden, self.head = nn.Linear(8, 7), nn.Linear(7, 3)

    def forward(self, x):
        return self.head(self.hidden(self.gru(self.inputs(x))[0][:, -1]).relu())


class Einsum(nn.Module):
    def __init__(self):
        super().__init__()
        self.inputs, self.weight, self.head = nn.Linear(5, 8), nn.Parameter(torch.randn(8, 6)), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(torch.einsum("bi,ij->bj", self.inputs(x), self.weight))
