"""torch: the same operations with fewer of them, and in the memory of what nobody needs any more.

An optimizer's step writes several tensors as large as all weights. On a CPU most of its time is spent on getting that
memory from the system, again in every step. No number changes: the operations are those of the record.
"""

import operator
from typing import Any

from keras_vae.backend.record_folding import fold, is_new, is_operation, memory_of_nodes, same_form

__all__ = ["rewrite", "without_results"]

OVERWRITES = "keras_vae_overwrites"
"""Marks an operation whose result is in the memory of its first argument, which nobody else looks at."""


def rewrite(module: Any) -> Any:
    """Change a record in place, and return it.

    Args:
        module: a `torch.fx.GraphModule` of torch's own operations, which runs without gradients.
    """
    graph = module.graph
    graph.eliminate_dead_code()
    _remove_detach(graph)
    fold(module)
    for node in list(graph.nodes):
        _compute_in_place(node)
    memory = memory_of_nodes(module)
    for node in list(graph.nodes):
        _add_without_copy(node, memory)
    graph.eliminate_dead_code()
    graph.lint()
    module.recompile()
    return module


def without_results(module: Any) -> Any:
    """A copy of a record that returns nothing, and computes what it changes only.

    Args:
        module: as for `rewrite`.
    """
    import torch

    graph = torch.fx.Graph()
    results = graph.graph_copy(module.graph, {})
    graph.output(torch.fx.node.map_arg(results, lambda result: None))
    graph.set_codegen(module.graph._codegen)
    graph.eliminate_dead_code()
    return torch.fx.GraphModule(module, graph)


def _remove_detach(graph: Any) -> None:
    import torch

    for node in list(graph.nodes):
        if node.target is torch.ops.aten.detach.default:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _is_free(value: Any, user: Any) -> bool:
    """Whether a tensor has memory of its own that nobody but a user looks at."""
    if getattr(value, "op", None) != "call_function":
        return False
    # A list that was overwritten before stands for the results.
    if [each for each in value.users if not each.meta.get(OVERWRITES)] != [user]:
        return False
    made = value.args[0] if value.target is operator.getitem else value
    return is_operation(made) and (is_new(made) or made.meta.get(OVERWRITES, False))


def _add_without_copy(node: Any, memory: dict[Any, Any]) -> None:
    """Let `copy_(a, a + b)`, as a metric counts, be `a.add_(b)`."""
    import torch

    if node.target is not torch.ops.aten.copy_.default or node.prev is not node.args[1]:
        return
    total, (held, result) = node.prev, node.args
    fits = total.target is torch.ops.aten.add.Tensor and total.args[0] is held and not total.kwargs
    if fits and held is not total.args[1] and memory.get(total.args[1]) is memory[held]:
        return  # which would be read while it is written
    if fits and set(total.users) == {node} and same_form(held, total):
        node.target, node.args = torch.ops.aten.add_.Tensor, (held, total.args[1])
        node.graph.erase_node(result)


def _only_at(node: Any, index: int) -> bool:
    """Whether the tensor at an index of the first list appears in the other arguments at that index alone."""
    value = node.args[0][index]
    for other in (*node.args[1:], *node.kwargs.values()):
        many = list(other) if isinstance(other, (list, tuple)) else None
        if other is value or (many is not None and value in [*many[:index], *many[index + 1 :]]):
            return False
    return True


def _compute_in_place(node: Any) -> None:
    """Let an operation write its result over its first argument, if nobody else needs that."""
    import torch

    if not is_operation(node) or not node.args or not is_new(node):
        return
    name, overload = node.target._opname, node.target._overloadname
    packet = getattr(torch.ops.aten, f"{name}_", None)
    if packet is None or overload not in packet.overloads():
        return
    if isinstance(node.args[0], (list, tuple)) and name.startswith("_foreach_"):
        results = {user.args[1]: user for user in node.users if user.target is operator.getitem}
        pairs = [(value, results.get(index)) for index, value in enumerate(node.args[0])]
        if len(results) != len(node.users) or len(set(node.args[0])) != len(pairs):
            return
        if not all(_only_at(node, index) for index in range(len(pairs))):
            return
        if not all(_is_free(value, node) and (user is None or same_form(value, user)) for value, user in pairs):
            return
        node.target, node.meta[OVERWRITES] = getattr(packet, overload), True
        for value, user in pairs:
            if user is not None:
                user.replace_all_uses_with(value)
                node.graph.erase_node(user)
    elif torch.Tag.pointwise in node.target.tags and _is_free(node.args[0], node) and same_form(node.args[0], node):
        node.target, node.meta[OVERWRITES] = getattr(packet, overload), True
