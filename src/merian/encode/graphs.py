"""The two towers of a CLIP as OpenVINO graphs, made of its configuration and weights alone: what open_clip computes, without torch.

Known are open_clip's own vision transformers and text towers, as BioCLIP, BioCLIP 2, 2.5 and BioCAP have them: class token, learned positions, blocks that
normalise first, a linear projection; captions read at their highest token by a causal tower. What a configuration asks for beyond that is refused by name.
Sources: Dosovitskiy et al. 2021 (ViT); Radford et al. 2021 (CLIP), section 2.4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merian.core.errors import BadData
from merian.encode.pixels import Preprocess
from merian.encode.tensors import Tensors

__all__ = ["Tower", "image_graph", "text_graph", "tower_of", "unknown"]

_PORT = "<dim>-1</dim><dim>-1</dim><dim>-1</dim></port>"
SUM = f"""<net name="sum" version="11"><layers>
<layer id="0" name="x" type="Parameter" version="opset1"><data shape="?,?,?" element_type="f32"/>
<output><port id="0" precision="FP32">{_PORT}</output></layer>
<layer id="1" name="y" type="Parameter" version="opset1"><data shape="?,?,?" element_type="f32"/>
<output><port id="0" precision="FP32">{_PORT}</output></layer>
<layer id="2" name="sum" type="Add" version="opset1"><data auto_broadcast="numpy"/>
<rt_info><attribute name="precise" version="0"/></rt_info>
<input><port id="0" precision="FP32">{_PORT}<port id="1" precision="FP32">{_PORT}</input>
<output><port id="2" precision="FP32">{_PORT}</output></layer>
<layer id="3" name="result" type="Result" version="opset1"><input><port id="0" precision="FP32">{_PORT}</input></layer>
</layers><edges><edge from-layer="0" from-port="0" to-layer="2" to-port="0"/><edge from-layer="1" from-port="0" to-layer="2" to-port="1"/>
<edge from-layer="2" from-port="2" to-layer="3" to-port="0"/></edges></net>""".encode()
"""A sum that keeps its precision, as OpenVINO writes it: what marks it so cannot be made from Python, only read."""
EPSILON = 1e-5
"""Of the layer norms: torch's default, which open_clip takes."""
PARTS = {"image": "vision_cfg", "text": "text_cfg"}
PLAIN: dict[str, tuple[object, ...]] = {
    "pool_type": ("tok", "argmax"),
    "pos_embed_type": ("learnable",),
    "block_type": (None, "default"),
    "act_kwargs": (None, {}),
    "norm_kwargs": (None, {}),
    "proj_type": ("linear",),
    "timm_model_name": (None, ""),
    "hf_model_name": (None, ""),
}
"""What must not differ in a tower's configuration; all other switches must be off."""
SIZES = {
    *("image_size", "patch_size", "width", "layers", "heads", "head_width", "mlp_ratio", "context_length"),
    *("vocab_size", "ls_init_value", "patch_dropout", "pad_id", "eos_id", "hf_tokenizer_name", "tokenizer_kwargs"),
    *("attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained", "timm_pool", "timm_proj", "timm_drop"),
    *("timm_drop_path", "timm_proj_bias", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type", "tokenizer_mode"),
}
"""Numbers, and what has no effect on these towers."""


@dataclass(frozen=True, slots=True)
class Tower:
    """Sizes of one tower, and where its weights are."""

    tensors: Tensors
    prefix: str
    width: int
    layers: int
    heads: int
    quick: bool
    """Whether the activation is x sigmoid(1.702 x) instead of GELU."""

    def __call__(self, name: str) -> NDArray[Any]:
        """A tensor of this tower; raises BadData when it is not there."""
        key = self.prefix + name
        if key not in self.tensors:
            raise BadData(self.tensors.path, "lacks a weight that its configuration asks for", [key])
        return self.tensors[key]

    def check(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Raise BadData unless the tensors have these shapes."""
        w = self.width
        for number in range(self.layers):
            at = f"transformer.resblocks.{number}"
            shapes = dict(shapes) | {
                f"{at}.attn.in_proj_weight": (3 * w, w),
                f"{at}.attn.out_proj.weight": (w, w),
                f"{at}.mlp.c_proj.bias": (w,),
            }
        lacking = [self.prefix + name for name in shapes if self.prefix + name not in self.tensors]
        if lacking:
            raise BadData(self.tensors.path, "lacks weights that its configuration asks for", lacking)
        other = [name for name, shape in shapes.items() if self.tensors.shape(self.prefix + name) != shape]
        more = f"transformer.resblocks.{self.layers}.ln_1.weight"
        if self.prefix + more in self.tensors:
            other.append(more)
        if other:
            raise BadData(self.tensors.path, "are weights of another architecture than the configuration says", other)


def unknown(config: Mapping[str, Any], kind: str) -> list[str]:
    """What the configuration of a tower, "image" or "text", asks for that these graphs do not have."""
    part: dict[str, Any] = config[PARTS[kind]]
    strange = [key for key, value in part.items() if key in PLAIN and value not in PLAIN[key]]
    strange += [key for key, value in part.items() if key not in PLAIN and key not in SIZES and value]
    strange += ["layers"] if not isinstance(part.get("layers", 12), int) else []
    return strange + [key for key in ("multimodal_cfg",) if key in config]


def tower_of(config: Mapping[str, Any], tensors: Tensors, kind: str) -> Tower:
    """The tower "image" or "text" of open_clip's `model_cfg`. Raises BadData for one that is not known, or whose weights have other shapes."""
    part: dict[str, Any] = config[PARTS[kind]]
    if strange := unknown(config, kind):
        raise BadData(f"the {kind} tower", "is of a kind that is not read without torch", strange)
    width = int(part.get("width", 768 if kind == "image" else 512))
    heads = width // int(part.get("head_width", 64)) if kind == "image" else int(part.get("heads", 8))
    text = "text." if any(key.startswith("text.") for key in tensors) else ""
    prefix = "visual." if kind == "image" else text
    tower = Tower(tensors, prefix, width, int(part.get("layers", 12)), heads, bool(config.get("quick_gelu")))
    dim = int(config["embed_dim"])
    if kind == "image":
        side, patch = part.get("image_size", 224), int(part.get("patch_size", 16))
        places = 1 + (int(side if isinstance(side, int) else side[0]) // patch) ** 2
        shapes = {
            "conv1.weight": (width, 3, patch, patch),
            "positional_embedding": (places, width),
            "proj": (width, dim),
        }
    else:
        words, context = int(part.get("vocab_size", 49408)), int(part.get("context_length", 77))
        shapes = {"token_embedding.weight": (words, width), "positional_embedding": (context, width)}
        shapes["text_projection"] = (width, dim)
    tower.check(shapes)
    return tower


def image_graph(tower: Tower, preprocess: Preprocess, unit: bool = True) -> Any:
    """Pixels `uint8 [n, s, s, 3]` -> vectors `float32 [n, d]`, of length 1 if `unit`, as an OpenVINO model."""
    ov = _Ops(tower)
    op, side = ov.op, preprocess.size
    pixels = op.parameter([-1, side, side, 3], np.uint8, name="rows")
    mean, std = (np.array(value, np.float32) * 255 for value in (preprocess.mean, preprocess.std))
    scaled = op.divide(op.subtract(op.convert(pixels, "f32"), ov.constant(mean)), ov.constant(std))
    kernel = tower("conv1.weight")
    step = list(kernel.shape[2:])
    patches = op.convolution(ov.transposed(scaled, [0, 3, 1, 2]), ov.constant(kernel), step, [0, 0], [0, 0], [1, 1])
    rows = ov.transposed(op.reshape(patches, ov.shape([0, tower.width, -1]), True), [0, 2, 1])
    first = op.add(ov.constant(tower("class_embedding").reshape(1, 1, -1)), op.multiply(ov.first(rows), ov.number(0.0)))
    x = op.add(op.concat([first, rows], 1), ov.constant(tower("positional_embedding")[None]))
    x = ov.norm(op.squeeze(ov.blocks(ov.norm(x, "ln_pre"), alone=True), ov.shape([1])), "ln_post")
    return ov.model(op.matmul(x, ov.constant(tower("proj")), False, False), pixels, unit)


def text_graph(tower: Tower, context: int, unit: bool = True) -> Any:
    """Token numbers `int64 [n, context]` -> vectors `float32 [n, d]`, of length 1 if `unit`, as an OpenVINO model."""
    ov = _Ops(tower)
    op = ov.op
    tokens = op.parameter([-1, context], np.int64, name="rows")
    x = op.gather(ov.constant(tower("token_embedding.weight")), tokens, ov.shape(0))
    x = op.add(x, ov.constant(tower("positional_embedding")[None, :context]))
    never = np.triu(np.full((context, context), np.finfo(np.float32).min, np.float32), 1)
    x = ov.norm(ov.blocks(x, ov.constant(never[None, None])), "ln_final")
    ends = op.topk(tokens, ov.shape(1), 1, "max", "value", "i32").output(1)
    read = op.squeeze(op.gather(x, ends, ov.shape(1), 1), ov.shape([1]))
    return ov.model(op.matmul(read, ov.constant(tower("text_projection")), False, False), tokens, unit)


class _Ops:
    """OpenVINO's operations, with the few compounds that a transformer is made of."""

    def __init__(self, tower: Tower) -> None:
        from merian.encode.openvino import library

        self.library = library()
        self.op = self.library.opset13
        self.tower = tower
        self.sums = 0

    def constant(self, values: NDArray[Any]) -> Any:
        """Weights as float32; those that lie on the disk so are not copied: they live as long as the tower's tensors."""
        whole = np.ascontiguousarray(values, np.float32)
        return self.library.op.Constant(whole, shared_memory=self.tower.tensors.hold(whole))

    def number(self, value: float) -> Any:
        return self.op.constant(np.float32(value))

    def shape(self, values: list[int] | int) -> Any:
        return self.op.constant(np.array(values, np.int64))

    def transposed(self, x: Any, order: list[int]) -> Any:
        return self.op.transpose(x, self.shape(order))

    def first(self, x: Any) -> Any:
        """`[n, t, w]` -> `[n, 1, w]`, the first token."""
        return self.op.slice(x, self.shape([0]), self.shape([1]), self.shape([1]), self.shape([1]))

    def norm(self, x: Any, name: str) -> Any:
        """Layer norm over the last axis."""
        level = self.op.mvn(x, self.shape([-1]), True, EPSILON, "INSIDE_SQRT")
        weight, bias = (self.constant(self.tower(f"{name}.{part}")) for part in ("weight", "bias"))
        return self.op.add(self.op.multiply(level, weight), bias)

    def whole_sum(self, x: Any, y: Any) -> Any:
        """x + y in float32 whatever the precision of the rest: what goes from block to block would lose most of its digits in bf16."""
        read = self.library.Core().read_model(SUM, self.library.Tensor(np.zeros(0, np.uint8)))
        node = next(node for node in read.get_ordered_ops() if node.get_type_name() == "Add")
        for port, term in enumerate((x, y)):
            node.input(port).replace_source_output(term.output(0))
        self.sums += 1
        node.set_friendly_name(f"sum{self.sums}")  # read from one text they would all have one name
        node.constructor_validate_and_infer_types()
        return node

    def linear(self, x: Any, weight: NDArray[Any], bias: NDArray[Any]) -> Any:
        return self.op.add(self.op.matmul(x, self.constant(weight), False, True), self.constant(bias))

    def blocks(self, x: Any, mask: Any = None, alone: bool = False) -> Any:
        """All blocks: attention and a two-layer perceptron, each added to what came in. Of the last only the first token, if `alone`: no other is read."""
        tower = self.tower
        for number in range(tower.layers):
            at = f"transformer.resblocks.{number}"
            y = self.norm(x, f"{at}.ln_1")
            own = alone and number == tower.layers - 1
            x = self.first(x) if own else x
            y = self._attention(self.first(y) if own else y, y, at, mask)
            x = self.whole_sum(x, self._scaled(y, f"{at}.ls_1"))
            y = self.norm(x, f"{at}.ln_2")
            y = self.linear(y, tower(f"{at}.mlp.c_fc.weight"), tower(f"{at}.mlp.c_fc.bias"))
            y = self._active(y)
            y = self.linear(y, tower(f"{at}.mlp.c_proj.weight"), tower(f"{at}.mlp.c_proj.bias"))
            x = self.whole_sum(x, self._scaled(y, f"{at}.ls_2"))
        return x

    def _scaled(self, x: Any, name: str) -> Any:
        """Layer scale, where the tower has it."""
        if self.tower.prefix + f"{name}.gamma" not in self.tower.tensors:
            return x
        return self.op.multiply(x, self.constant(self.tower(f"{name}.gamma")))

    def _active(self, x: Any) -> Any:
        if self.tower.quick:
            return self.op.multiply(x, self.op.sigmoid(self.op.multiply(x, self.number(1.702))))
        return self.op.gelu(x, "erf")

    def _attention(self, x: Any, others: Any, at: str, mask: Any) -> Any:
        """Softmax(q k' / sqrt(width of a head) + mask) v, of all heads, and what joins them; q of the tokens `x`, k and v of `others`."""
        op, tower = self.op, self.tower
        deep = tower.width // tower.heads
        weight, bias = tower(f"{at}.attn.in_proj_weight"), tower(f"{at}.attn.in_proj_bias")
        parts = []
        for k, tokens in enumerate((x, others, others)):
            rows = slice(k * tower.width, (k + 1) * tower.width)
            part = op.reshape(
                self.linear(tokens, weight[rows], bias[rows]), self.shape([0, 0, tower.heads, deep]), True
            )
            parts.append(self.transposed(part, [0, 2, 1, 3]))
        scores = op.multiply(op.matmul(parts[0], parts[1], False, True), self.number(deep**-0.5))
        scores = scores if mask is None else op.add(scores, mask)
        seen = self.transposed(op.matmul(op.softmax(scores, -1), parts[2], False, False), [0, 2, 1, 3])
        joined = op.reshape(seen, self.shape([0, 0, tower.width]), True)
        return self.linear(joined, tower(f"{at}.attn.out_proj.weight"), tower(f"{at}.attn.out_proj.bias"))

    def model(self, x: Any, parameter: Any, unit: bool) -> Any:
        """The graph that ends with these rows, brought to length 1 if `unit`."""
        rows = self.op.normalize_l2(x, self.shape([1]), 1e-24, "max") if unit else x
        made = self.library.Model([self.op.result(rows)], [parameter])
        made.inputs[0].get_tensor().set_names({"rows"})
        made.outputs[0].get_tensor().set_names({"vectors"})
        return made
