"""torch: a record with fewer operations, some of them in place, computes bit for bit what it did."""

import keras
import pytest

pytestmark = pytest.mark.skipif(keras.backend.backend() != "torch", reason="other backends trace their steps")

if keras.backend.backend() == "torch":
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    from keras_vae.backend.record_function import as_function
    from keras_vae.backend.record_rewrites import rewrite, without_results


def chain(x, y):
    return (x * 2.0 + y).exp().sqrt()


def used_twice(x, y):
    product = x * y
    return product.exp() + product


def returned(x, y):
    product = x * y
    return product, product.exp()


def seen_through_a_view(x, y):
    product = x * y
    row = product[0]
    return product.exp().sum() + row.sum()


def unsafe_view(x, y):
    product = x * y
    seen = torch.ops.aten._unsafe_view(product, [6])
    return seen.exp(), product.neg()


def grows(x, y):
    return (x[:1] * 2.0) + y


def other_type(x, y):
    return (x > y).logical_not() + x


def arguments_change(x, y):
    before = x * 1.0
    x.add_(y)
    return before, x.exp()


def constants(x, y):
    start = torch.zeros(2, 3)
    start.add_(x)
    table = torch.arange(3.0).exp()
    return start * table + torch.tensor(2.0), torch.ones(2, 3)


def noise(x, y):
    return x + torch.rand(2, 3)


def large_constants(x, y):
    return x.sum() + torch.ones(100, 100).sum(0)


def optimizer(x, y):
    many = [x, y]
    torch._foreach_mul_(many, 0.9)
    roots = torch._foreach_add(torch._foreach_sqrt(torch._foreach_mul(many, many)), 1e-7)
    torch._foreach_add_(many, torch._foreach_div(torch._foreach_mul(many, 0.5), roots), alpha=-1)
    return many


def kept_of_many(x, y):
    roots = torch._foreach_exp([x, y])
    shifted = torch._foreach_add(roots, 1.0)
    return roots[0] + shifted[0] + shifted[1]


def backward(x, y):
    weight = x.detach().clone().requires_grad_()
    loss = torch.relu(weight @ y.T + weight.sum()).pow(2).sum()
    (gradient,) = torch.autograd.grad(loss, weight)
    return loss.detach(), gradient


def metric(x, y):
    total = x + y.sum()
    x.copy_(total)
    y.copy_(x + 1.0)
    return x / 2.0


def copied_late(x, y):
    total = x + y
    x.mul_(2.0)
    x.copy_(total)
    return x


def copied_and_used(x, y):
    total = x + y
    x.copy_(total)
    return total * 2.0


def by_one(x, y):
    product = x * y
    once = (product * 1.0) / torch.ones_like(x)
    return once.pow(1.0).view(2, 3) + product, once.sum().sum() + y


def by_one_of_an_argument(x, y):
    before = (x * 1.0).view(2, 3)
    x.add_(y)
    return before


def by_one_then_changed(x, y):
    product = x * y
    copied = product * 1.0
    copied.add_(1.0)
    return product.exp() + copied


def by_one_of_another_form(x, y):
    return (x > 0.5) * 1.0, x * torch.ones(2, 2, 3), x.sum(0) * 1


def filled_and_seen(x, y):
    ones = torch.ones_like(x).t().unsqueeze(0).expand(4, 3, 2)
    return (ones * 2.0).sum() * x, torch.zeros_like(y.t()).t().view(-1) + torch.full_like(x, 3.0).view(-1)


def filled_and_changed(x, y):
    ones = torch.ones_like(x)
    ones[0].add_(y[0])
    return ones * 1.0


def computed_twice(x, y):
    return x.exp() + x.exp(), (x * 2.0).t() @ (x * 2.0), torch.rand(2) - torch.rand(2)


def computed_before_a_change(x, y):
    first = x.exp()
    x.add_(y)
    return first + x.exp(), x[0].exp() - x.t()[:, 0].exp()


def computed_twice_and_changed(x, y):
    first, second = x.exp(), x.exp()
    first.add_(1.0)
    return first * second


def the_same_result_twice(x, y):
    return x.exp(), x.exp()


def by_one_in_another_layout(x, y):
    columns = (x.exp()[:, :2] * torch.ones(2)).view(-1) + 0.5
    return columns, (x.exp()[:1].expand(2, 3) * 1.0).view(6) + 0.5


def unsafe_chunk(x, y):
    first, second = x.unsafe_chunk(2, 0)
    return first.exp() + second, x * 2.0


def unsafe_chunks_that_change(x, y):
    first = torch.mm(x, y.T).unsafe_chunk(2, 1)[0].add_(1.0)
    second = torch.mm(x, y.T).unsafe_chunk(2, 1)[0].add_(1.0)
    return first * 2.0, second * 2.0


def cells(x, y):
    weight, bias, state = torch.ones(9, 3) / 7.0, torch.ones(9), torch.zeros(2, 3)
    for _ in range(3):
        state = torch.gru_cell(x, state, weight, weight, bias, bias)
    return state


def lists_in_other_orders(x, y):
    a, b = x * 2.0, y * 3.0
    c, d = x.sum(), y.sum()
    e, f = x * 2.0, y * 2.0
    return [
        *torch._foreach_add([a, b], [b, a]),
        *torch._foreach_mul([c, d], c),
        *torch._foreach_addcmul([e, f], [f, e], [e, f]),
    ]


def a_sum_of_overlapping_tensors(x, y):
    y.copy_(y + y[:1])
    square = torch.zeros(2, 2)
    square.copy_(x @ y.T)
    square.copy_(square + square.T)
    x.copy_(x + x)
    return y * 1.0, square


def running_averages(x, y):
    first = torch.ops.aten.native_batch_norm(x, None, None, y[0], y[1], True, 0.1, 1e-5)[0]
    return first + torch.ops.aten.native_batch_norm(x, None, None, y[0], y[1], True, 0.1, 1e-5)[0]


CASES = (
    by_one,
    by_one_of_an_argument,
    by_one_then_changed,
    by_one_of_another_form,
    filled_and_seen,
    filled_and_changed,
)
CASES += (by_one_in_another_layout, unsafe_chunk, unsafe_chunks_that_change, cells, lists_in_other_orders)
CASES += (a_sum_of_overlapping_tensors, running_averages)
CASES += (computed_twice, computed_before_a_change, computed_twice_and_changed, the_same_result_twice)
CASES += (chain, used_twice, returned, seen_through_a_view, unsafe_view, grows, other_type, arguments_change)
CASES += (constants, noise, large_constants, optimizer, kept_of_many, backward, metric, copied_late, copied_and_used)


def results(function, again):
    """What a function returns and does to its arguments, in the first call or a later one."""
    for _ in range(1 + again):
        torch.manual_seed(0)
        x, y = torch.rand(2, 3), torch.rand(2, 3)
        torch.manual_seed(1)
        with torch.no_grad():
            found = function(x, y)
    return [*(found if isinstance(found, list | tuple) else [found]), x, y]


def record(function):
    torch.manual_seed(0)
    with torch.enable_grad():
        return make_fx(function)(torch.rand(2, 3), torch.rand(2, 3))


@pytest.mark.parametrize("function", CASES)
def test_it_computes_the_same(function):
    expected = results(record(function), False)
    rewritten = rewrite(record(function))
    for again in (False, True):  # a constant that was overwritten would show in the second call
        for value, own in zip(results(rewritten, again), expected, strict=True):
            assert torch.equal(value, own)


def operations(module):
    return [str(node.target).removeprefix("aten.") for node in module.graph.nodes if node.op == "call_function"]


@pytest.mark.parametrize("function", CASES)
def test_so_does_the_function_that_is_made_of_it(function):
    expected = results(record(function), False)
    made = as_function(rewrite(record(function)))
    for again in (False, True):
        for value, own in zip(results(lambda x, y: made([x, y]), again), expected, strict=True):
            assert torch.equal(value, own)


def test_tensors_that_live_outside_are_read_in_every_call():
    """A weight of the loss that a callback changes, and one that the step itself counts."""
    weight, count = torch.ones(()), torch.ones(3)

    def step(x, y):
        total = x * weight + y * weight.exp() * count.exp()
        count.add_(1.0)
        return total * count.exp()

    plain, rewritten = make_fx(step), make_fx(step)
    x, y = torch.rand(2, 3), torch.rand(2, 3)
    made = []
    for traced in (plain(x, y), rewrite(rewritten(x, y))):
        weight.fill_(1.0)
        count.fill_(1.0)
        made.append([traced(x, y).clone()])
        weight.fill_(0.5)
        made[-1] += [traced(x, y).clone(), traced(x, y).clone()]
    for one, other in zip(*made, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(made[0][0], made[0][1])


def test_two_results_are_two_tensors():
    first, second = rewrite(record(the_same_result_twice))(torch.ones(2, 3), torch.ones(2, 3))
    first.zero_()
    assert second.sum() > 0


def test_what_changes_nothing_is_left_out():
    assert operations(rewrite(record(by_one))) == ["mul.Tensor", "add.Tensor", "sum.default", "add.Tensor"]


def test_what_was_computed_before_is_taken():
    found = operations(rewrite(record(computed_twice)))
    assert found.count("exp.default") == 1
    assert found.count("mul.Tensor") == 1
    assert found.count("rand.default") == 2
    assert operations(rewrite(record(computed_before_a_change))).count("exp.default") == 4


def test_a_chain_is_computed_in_one_piece_of_memory():
    assert operations(rewrite(record(chain))) == ["mul.Tensor", "add_.Tensor", "exp_.default", "sqrt_.default"]


def test_so_are_the_lists_of_an_optimizer():
    found = [name for name in operations(rewrite(record(optimizer))) if name.startswith("_foreach")]
    own = ["_foreach_mul.List", "_foreach_sqrt_.default", "_foreach_add_.Scalar", "_foreach_mul.Scalar"]
    assert found == ["_foreach_mul_.Scalar", *own, "_foreach_div_.List", "_foreach_add_.List"]


def test_metrics_count_without_a_copy():
    assert operations(rewrite(record(metric))) == [
        "sum.default",
        "add_.Tensor",
        "add.Tensor",
        "copy_.default",
        "div.Tensor",
    ]


@pytest.mark.parametrize("function", [metric, optimizer, arguments_change])
def test_without_results_only_the_changes_are_computed(function):
    rewritten = rewrite(record(function))
    whole, silent = results(rewritten, False), results(without_results(rewritten), False)
    assert all(value is None for value in silent[:-2])
    for value, own in zip(silent[-2:], whole[-2:], strict=True):
        assert torch.equal(value, own)
    assert torch.equal(results(rewritten, False)[0], whole[0])  # and the record is as it was


def test_what_only_results_need_is_left_out():
    assert "div.Tensor" not in operations(without_results(rewrite(record(metric))))


def test_constants_are_computed_once():
    found = operations(rewrite(record(constants)))
    assert "arange.default" not in found
    assert "exp.default" not in found
    assert "zeros.default" in found  # it is written to


def test_noise_is_drawn_in_every_call():
    rewritten = rewrite(record(noise))
    x = torch.zeros(2, 3)
    assert not torch.equal(rewritten(x, x), rewritten(x, x))
