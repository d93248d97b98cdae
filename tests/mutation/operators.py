"""Small faults that Cosmic Ray's own operators do not make: an argument that is lost, and another reduction."""

import parso
from cosmic_ray.operators.operator import Example, Operator

__all__ = ["DropKeyword", "OtherFunction"]

OTHERS = {
    "sum": "mean",
    "mean": "sum",
    "exp": "square",
    "maximum": "minimum",
    "minimum": "maximum",
    "logaddexp": "maximum",
    "logsumexp": "max",
    "zeros": "ones",
    "zeros_like": "ones_like",
    "repeat": "tile",
    "tile": "repeat",
}


class DropKeyword(Operator):
    """`f(x, training=training)` becomes `f(x)`."""

    def mutation_positions(self, node):
        if node.type == "argument" and node.children[0].type == "name" and node.children[1] == "=":
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        # Nothing in its place: commas around it would have to go too.
        return parso.python.tree.Name(f"{node.get_first_leaf().prefix}**{{}}", node.start_pos)

    @classmethod
    def examples(cls):
        return (Example("f(x, training=True)", "f(x, **{})"),)


class OtherFunction(Operator):
    """`ops.sum(x)` becomes `ops.mean(x)`, and the like."""

    def mutation_positions(self, node):
        before = node.get_previous_leaf() if node.type == "name" else None
        if before is not None and before == "." and before.get_previous_leaf() == "ops" and node.value in OTHERS:
            yield node.start_pos, node.end_pos

    def mutate(self, node, index):
        return parso.python.tree.Name(node.prefix + OTHERS[node.value], node.start_pos)

    @classmethod
    def examples(cls):
        return (Example("ops.sum(x)", "ops.mean(x)"),)
