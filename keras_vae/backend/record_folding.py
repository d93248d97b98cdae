"""torch: operations of a record whose result is known, because it is constant, was computed before, or is its input.

Every replay pays some microseconds for each operation, whatever its size, and Keras makes many that change nothing: a
metric multiplies its values by a weight of 1, a mean over one number adds it up. No bit of any result changes.
"""

import operator
from typing import Any

__all__ = ["fold", "is_new", "is_operation", "memory_of_nodes", "same_form"]

LARGEST_CONSTANT = 4096
"""Elements of a tensor that is computed once and kept, since it is the same in every step."""
VIEWS = ("view", "_unsafe_view", "expand", "reshape")
SHARE_UNSAID = ("_unsafe_view", "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk")
"""Operations whose results share memory with their input, although their schema does not say so."""
WRITE_UNSAID = ("native_batch_norm", "cudnn_batch_norm", "miopen_batch_norm")
"""Operations that write to their inputs, the running averages, although their schema does not say so."""
FILLED = ("ones_like", "zeros_like", "full_like")
"""Operations that ask a tensor for its shape only."""


def fold(module: Any) -> None:
    """Remove such operations from a record.

    Args:
        module: a `torch.fx.GraphModule` of torch's own operations, which runs without gradients.
    """
    _Folding(module).run()
    module.graph.eliminate_dead_code()


def is_operation(node: Any) -> bool:
    """Whether a node calls one of torch's operations."""
    import torch

    return getattr(node, "op", None) == "call_function" and isinstance(node.target, torch._ops.OpOverload)


def is_new(node: Any) -> bool:
    """Whether the results of an operation have memory of their own, and it changes nothing."""
    schema = node.target._schema
    unsaid = node.target._opname in (*SHARE_UNSAID, *WRITE_UNSAID)
    return not unsaid and not schema.is_mutable and all(result.alias_info is None for result in schema.returns)


def memory_of_nodes(module: Any) -> dict[Any, Any]:
    """For every node of a record the node that made the memory which holds its result."""
    memory: dict[Any, Any] = {}
    held: dict[int, Any] = {}
    for node in module.graph.nodes:
        memory[node] = node
        if node.op == "get_attr":
            # The same tensor has a node for every use.
            memory[node] = held.setdefault(getattr(module, node.target).untyped_storage().data_ptr(), node)
        elif node.op == "call_function" and (node.target is operator.getitem or not is_new(node)):
            memory[node] = next((memory[each] for each in node.all_input_nodes), node)
    return memory


def same_form(one: Any, other: Any) -> bool:
    """Whether two tensors have one shape and one type."""
    first, second = (node.meta.get("tensor_meta") for node in (one, other))
    return all(hasattr(each, "dtype") for each in (first, second)) and (
        (first.shape, first.dtype) == (second.shape, second.dtype)
    )


def _is_number(node: Any) -> bool:
    """Whether a tensor was made of a Python number while the step was recorded.

    Every other one that a record holds may be alive: a variable outside of the model, or a tensor in a dict.
    """
    import torch

    return all(user.target is torch.ops.aten.lift_fresh_copy.default for user in node.users)


class _Folding:
    """One pass over a record, in the order of its operations."""

    def __init__(self, module: Any) -> None:
        self.module, self.graph = module, module.graph
        self.memory = memory_of_nodes(module)
        self.constants: dict[Any, Any] = {}
        self.computed: dict[Any, Any] = {}
        # The memory that changes, or that is handed out and may change then.
        self.changing: set[Any] = set()
        for node in self.graph.nodes:
            unsaid = is_operation(node) and node.target._opname in WRITE_UNSAID
            if node.op == "output" or unsaid:
                self.changing |= {self.memory[each] for each in node.all_input_nodes}
            elif not is_operation(node):
                continue
            elif node.target._schema.is_mutable:
                for position, argument in enumerate(node.target._schema.arguments):
                    if argument.alias_info is None or not argument.alias_info.is_write:
                        continue
                    given = node.args[position] if position < len(node.args) else node.kwargs.get(argument.name)
                    many = given if isinstance(given, (list, tuple)) else [given]
                    self.changing |= {self.memory[each] for each in many if each in self.memory}

    def run(self) -> None:
        for node in list(self.graph.nodes):
            if node.op == "get_attr" and _is_number(node):
                self.constants[node] = getattr(self.module, node.target)
            if not is_operation(node) or node.target._schema.is_mutable or self.memory[node] in self.changing:
                continue
            known = self._input_itself(node) or self._constant(node) or self._computed_before(node)
            if known is not None:
                node.replace_all_uses_with(known)
                self.graph.erase_node(node)

    def _input_itself(self, node: Any) -> Any:
        """The input that an operation returns as it is, if no later operation changes that."""
        import torch

        value = node.args[0] if node.args else None
        if not isinstance(value, torch.fx.Node) or not same_form(value, node):
            return None
        if value.meta["tensor_meta"].stride != node.meta["tensor_meta"].stride:
            return None  # a later view may fit the one and not the other
        name, other = node.target._opname, node.args[1] if len(node.args) == 2 and not node.kwargs else None
        if name in VIEWS:
            return value
        kept = self.memory[value].op == "call_function" and self.memory[value] not in self.changing
        whole = name == "sum" and not value.meta["tensor_meta"].shape and not node.kwargs
        by_one = name in ("mul", "div", "pow") and self._is_one(other)
        return value if kept and (whole or by_one) else None

    def _is_one(self, value: Any) -> bool:
        if value in self.constants:
            return bool((self.constants[value] == 1).all())
        return isinstance(value, (int, float)) and value == 1

    def _constant(self, node: Any) -> Any:
        """A node for a result that depends on constants only."""
        import torch

        if torch.Tag.nondeterministic_seeded in node.target.tags:
            return None
        values = self.constants
        if node.target._opname in FILLED and node.args[0] not in values:
            shape = node.args[0].meta["val"]
            if shape.numel() > LARGEST_CONSTANT:
                return None
            form = {"dtype": shape.dtype, "device": shape.device}
            values = {node.args[0]: torch.empty_strided(shape.shape, shape.stride(), **form)}
        if not all(each in values for each in node.all_input_nodes):
            return None
        args, kwargs = torch.fx.node.map_arg((node.args, node.kwargs), values.__getitem__)
        value = node.target(*args, **kwargs)
        if not isinstance(value, torch.Tensor) or value.untyped_storage().nbytes() > 8 * LARGEST_CONSTANT:
            return None
        name = f"_kept_constant{len(self.constants)}"
        self.module.register_buffer(name, value, persistent=False)
        with self.graph.inserting_before(node):
            kept = self.graph.get_attr(name)
        kept.meta.update(node.meta)
        self.memory[kept], self.constants[kept] = kept, value
        return kept

    def _computed_before(self, node: Any) -> Any:
        """The same operation on the same values."""
        import torch

        inputs = {self.memory[each] for each in node.all_input_nodes}
        if inputs & self.changing or torch.Tag.nondeterministic_seeded in node.target.tags:
            return None
        before = self.computed.setdefault((node.target, repr((node.args, node.kwargs))), node)
        return before if before is not node else None
