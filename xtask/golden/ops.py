"""Golden values of single operations: inputs, output, and the gradient of sum(output * upstream) for every input."""

import torch
from torch import Tensor
from torch.nn import functional as F

from store import Sampler, choose_seed, encode, exact, scalar

FIRST_SEED = 100


class Cases:
    """Collects `<case>.<tensor>` entries."""

    def __init__(self, sampler: Sampler):
        self.sampler = sampler
        self.tensors: dict[str, Tensor] = {}

    def add(self, case: str, operation, constants: dict[str, Tensor] | None = None, **inputs: Tensor):
        """Runs `operation` on the inputs in order and back; `constants` are stored beside them but not differentiated."""
        for name, value in inputs.items():
            if not torch.equal(value, exact(value)):
                raise RuntimeError(f"{case}.{name}: inputs must be exactly float32; some are not")
        leaves = {name: value.clone().requires_grad_() for name, value in inputs.items()}
        output = operation(*leaves.values())
        output = output.reshape(1) if output.dim() == 0 else output
        upstream = self.sampler.normal(*output.shape)
        gradients = torch.autograd.grad((output * upstream).sum(), list(leaves.values()))
        entries = inputs | (constants or {}) | {"output": output, "upstream": upstream}
        entries |= {f"grad.{name}": gradient for name, gradient in zip(leaves, gradients)}
        self.tensors |= {f"{case}.{name}": value.detach() for name, value in entries.items()}


def convolutions(cases: Cases):
    """3x3 convolutions padded by 1, plain and fused; 7x5 images, so that a pool drops the last row and column."""
    s = cases.sampler

    def plain(x, weight, bias):
        return F.conv2d(x, weight, bias, padding=1)

    def inputs():
        return {"x": s.normal(2, 3, 7, 5), "weight": s.normal(4, 3, 3, 3, scale=0.3), "bias": s.normal(4, scale=0.3)}

    cases.add("conv_plain", plain, **inputs())
    cases.add("conv_relu", lambda *a: F.relu(plain(*a)), **inputs())
    cases.add("conv_relu_pool", lambda *a: F.max_pool2d(F.relu(plain(*a)), 2), **inputs())
    cases.add("max_pool", lambda x: F.max_pool2d(x, 2), x=s.normal(2, 3, 7, 5))
    cases.add("global_average_pool", lambda x: x.mean(dim=(2, 3)), x=s.normal(2, 3, 5, 4))


def elementwise(cases: Cases):
    """ReLU (its first entry exactly 0, whose gradient is 0), tanh, softmax (one row far from 0), concatenation."""
    s = cases.sampler
    x = s.normal(3, 7)
    x[0, 0] = 0.0
    cases.add("relu", F.relu, x=x)
    cases.add("tanh", torch.tanh, x=s.normal(3, 7, scale=2.0))
    far = torch.tensor([[0.0], [0.0], [100.0], [-100.0]], dtype=torch.float64)
    cases.add("softmax", lambda x: F.softmax(x, dim=1), x=exact(s.normal(4, 5, scale=2.0) + far))
    cases.add("concat", lambda a, b: torch.cat([a, b], dim=1), a=s.normal(3, 4), b=s.normal(3, 2))


def batch_norm(cases: Cases, case: str, training: bool, inputs):
    """A batch norm over 5 features, the second axis; `inputs()` makes x, weight and bias."""
    s, eps, momentum = cases.sampler, 1e-5, 0.1
    mean, variance = s.normal(5, scale=0.5), s.uniform(5, low=0.5, high=2.0)
    new_mean, new_variance = mean.clone(), variance.clone()
    constants = {"running_mean": mean, "running_var": variance, "eps": scalar(eps)}
    if training:
        constants |= {"momentum": scalar(momentum), "running_mean_after": new_mean, "running_var_after": new_variance}

    def operation(x, weight, bias):
        return F.batch_norm(x, new_mean, new_variance, weight, bias, training, momentum, eps)

    values = inputs()
    cases.add(case, operation, constants, **(values | {"x": exact(values["x"])}))


def dense(cases: Cases):
    """Linear layer and batch norm in both modes; the running variance takes the unbiased batch variance."""
    s = cases.sampler
    cases.add("linear", F.linear, x=s.normal(4, 6), weight=s.normal(3, 6, scale=0.4), bias=s.normal(3))

    def inputs():
        return {"x": s.normal(6, 5, scale=1.5) + s.normal(5), "weight": s.uniform(5, low=0.5, high=1.5), "bias": s.normal(5)}

    for case, training in (("batch_norm_train", True), ("batch_norm_eval", False)):
        batch_norm(cases, case, training, inputs)


def embeddings_and_losses(cases: Cases):
    """Rows by class, class probabilities times W, and both losses; a class may occur twice or never."""
    s = cases.sampler
    labels = torch.tensor([3, 0, 3, 1, 4, 0])
    cases.add("embedding_rows", lambda W: W[labels], {"labels": labels}, W=s.normal(5, 4))
    probabilities = exact(F.softmax(s.normal(3, 4), dim=1))
    cases.add("probabilities_embedding", torch.matmul, p=probabilities, W=s.normal(4, 5))
    cases.add("squared_error", lambda estimate, target: (estimate - target).square().sum(1).mean(),
              estimate=s.normal(6, 4), target=s.normal(6, 4))
    cases.add("cross_entropy", lambda logits: F.cross_entropy(logits, labels), {"labels": labels},
              logits=s.normal(6, 5, scale=2.0))


def row_by_row(cases: Cases):
    """What samples of different noise levels take: a factor and an error for each row, a mean; and distances to points."""
    s = cases.sampler
    cases.add("scale_rows", lambda x, factors: x * factors, x=s.normal(5, 4), factors=s.normal(5, 1))
    cases.add("squared_errors", lambda a, b: (a - b).square().sum(1, keepdim=True), a=s.normal(5, 4), b=s.normal(5, 4))
    cases.add("mean", torch.mean, x=s.normal(5, 4))
    cases.add("squared_distances", lambda x, w: (x[:, None] - w[None]).square().sum(2), x=s.normal(5, 11), w=s.normal(3, 11))
    labels = torch.tensor([1, 0, 4, 2, 4])
    cases.add("cross_entropies", lambda logits: F.cross_entropy(logits, labels, reduction="none")[:, None], {"labels": labels},
              logits=s.normal(5, 5, scale=2.0))
    cases.add("columns", lambda x: x[:, 1:4], x=s.normal(3, 5))


def products_and_axes(cases: Cases):
    """Elementwise and batched products with either side transposed, axes in another order, sums and means over one."""
    s = cases.sampler
    cases.add("mul", torch.mul, a=s.normal(3, 4), b=s.normal(3, 4))
    for name, a, b in (("nn", (2, 3, 5), (2, 5, 4)), ("nt", (2, 3, 5), (2, 4, 5)), ("tn", (2, 5, 3), (2, 5, 4)), ("tt", (2, 5, 3), (2, 4, 5))):
        def product(a, b, name=name):
            return (a.mT if name[0] == "t" else a) @ (b.mT if name[1] == "t" else b)

        cases.add(f"batched_matmul_{name}", product, a=s.normal(*a), b=s.normal(*b))
    cases.add("permute", lambda x: x.permute(2, 0, 1), x=s.normal(2, 3, 4))
    cases.add("sum_over", lambda x: x.sum(1), x=s.normal(2, 3, 4))
    cases.add("mean_over", lambda x: x.mean(2), x=s.normal(2, 3, 4))
    cases.add("attention", F.scaled_dot_product_attention, q=s.normal(2, 3, 4), k=s.normal(2, 5, 4), v=s.normal(2, 5, 6))


def norms_and_activations(cases: Cases):
    """Layer norm, RMS norm, batch norm over the channels of images; sigmoid, SiLU, GELU."""
    s = cases.sampler
    eps = 1e-5
    parameters = lambda: {"weight": s.uniform(5, low=0.5, high=1.5), "bias": s.normal(5)}
    x = lambda: exact(s.normal(2, 3, 5, scale=1.5) + s.normal(2, 3, 1))
    cases.add("layer_norm", lambda x, weight, bias: F.layer_norm(x, (5,), weight, bias, eps), x=x(), **parameters())
    cases.add("rms_norm", lambda x, weight: F.rms_norm(x, (5,), weight, eps), x=x(), weight=parameters()["weight"])
    images = lambda: {"x": s.normal(3, 5, 4, 2) + s.normal(1, 5, 1, 1)} | parameters()
    for case, training in (("image_norm_train", True), ("image_norm_eval", False)):
        batch_norm(cases, case, training, images)
    for name, function in (("sigmoid", torch.sigmoid), ("silu", F.silu), ("gelu", F.gelu)):
        cases.add(name, function, x=s.normal(3, 7, scale=3.0))


def windows(cases: Cases):
    """Convolutions and pools with windows of several sizes, strides and paddings, on images of 7x6."""
    s = cases.sampler
    for name, rows, columns, stride, padding in (("5x3", 5, 3, (2, 1), (2, 1)), ("1x1", 1, 1, (1, 1), (0, 0)), ("4x4", 4, 4, (4, 4), (1, 1))):
        def convolution(x, weight, bias, stride=stride, padding=padding):
            return F.conv2d(x, weight, bias, stride, padding)

        weight = s.normal(4, 3, rows, columns, scale=0.3)
        cases.add(f"conv2d_{name}", convolution, x=s.normal(2, 3, 7, 6), weight=weight, bias=s.normal(4, scale=0.3))
    cases.add("max_pool2d", lambda x: F.max_pool2d(x, 3, 2, 1), x=s.normal(2, 3, 7, 6))
    cases.add("average_pool2d", lambda x: F.avg_pool2d(x, (3, 2), (2, 1), (1, 0)), x=s.normal(2, 3, 7, 6))


def smoothed(cases: Cases):
    """Cross-entropy against a target that gives a tenth to all classes."""
    labels = torch.tensor([3, 0, 3, 1, 4, 0])
    cases.add("smoothed_cross_entropy", lambda logits: F.cross_entropy(logits, labels, label_smoothing=0.1), {"labels": labels},
              logits=cases.sampler.normal(6, 5, scale=2.0))


def heads(cases: Cases):
    """Attention of two heads, whose columns lie side by side; keys and queries of other widths than the values."""
    s = cases.sampler

    def attention(q, k, v):
        q, k, v = (x.unflatten(2, (2, -1)).transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)

    cases.add("attention_of_heads", attention, q=s.normal(3, 4, 6), k=s.normal(3, 9, 6), v=s.normal(3, 9, 4))


def more_ops() -> bytes:
    """The file more_ops.safetensors: operations that today's published blocks do without."""

    def run(seed: int) -> Cases:
        cases = Cases(Sampler(seed))
        for group in (products_and_axes, norms_and_activations, windows, smoothed, heads):
            group(cases)
        return cases

    seed = choose_seed(FIRST_SEED, 1e-3, 0.0, lambda seed: float(run(seed) is None))
    return encode(run(seed).tensors, seed, (".eps", ".momentum"))


def collect(seed: int) -> Cases:
    cases = Cases(Sampler(seed))
    convolutions(cases)
    dense(cases)
    embeddings_and_losses(cases)
    return cases


def ops() -> bytes:
    """The file ops.safetensors."""

    def run(seed: int) -> float:
        collect(seed)
        return 0.0

    seed = choose_seed(FIRST_SEED, 1e-3, 0.0, run)
    cases = collect(seed)
    # After the search: the ReLU case holds an exact zero on purpose.
    elementwise(cases)
    row_by_row(cases)
    return encode(cases.tensors, seed, (".eps", ".momentum"))
