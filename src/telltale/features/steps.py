"""What a step of a plan reads: which columns, and whether of the row alone or of rows before it too."""

from collections.abc import Collection, Sequence

from telltale.contract.plan import (
    Change,
    Clip,
    Deviation,
    ForwardFill,
    Largest,
    Log,
    Lookup,
    Missing,
    Norm,
    OwnLevel,
    Product,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Step,
    Sum,
    TextOdds,
    TextStatistic,
    TextSurprise,
    WindowStat,
)

TextStep = TextStatistic | TextSurprise | TextOdds
RowStep = Log | Ratio | Seasonal | Deviation | RateDeviation | Clip | Largest | Norm | Product | Sum | Missing | Lookup
WindowStep = Change | Rolling | OwnLevel | ForwardFill | WindowStat


def inputs(step: Step) -> tuple[str, ...]:
    """The columns a step reads, in the row itself or in rows before.

    >>> inputs(Ratio(out="c", numerator="a", denominator="b", floor=1.0))
    ('a', 'b')
    """
    match step:
        case Seasonal():
            return ()
        case Ratio():
            return (step.numerator, step.denominator)
        case Deviation():
            return (step.column, step.level, step.spread)
        case RateDeviation():
            return (step.rate, step.count, step.level, step.spread)
        case Largest() | Norm() | Product() | Sum() | TextOdds():
            return step.columns
        case _:
            return (step.column,)


def layers(steps: Sequence[Step]) -> list[list[Step]]:
    """The steps of a plan, those together that read nothing of each other: run layer by layer they give the same.

    >>> first, second = Log(out="b", column="a", scale=1.0), Clip(out="c", column="b", low=0.0)
    >>> [[step.out for step in layer] for layer in layers((first, second, Clip(out="d", column="a", low=0.0)))]
    [['b', 'd'], ['c']]
    """
    found: list[list[Step]] = []
    written: dict[str, int] = {}  # the layer that writes the values which a column has by now
    read: dict[str, int] = {}  # the last layer that reads those
    for step in steps:
        own = inputs(step)
        # What is written over stands until the layer is done: whoever reads it may be of the same one.
        place = max([0, read.get(step.out, 0), *(written[name] + 1 for name in (*own, step.out) if name in written)])
        for name in own:
            read[name] = max(place, read.get(name, 0))
        written[step.out] = place
        read.pop(step.out, None)
        if place == len(found):
            found.append([])
        found[place].append(step)
    return found


def steps_for(steps: Sequence[Step], names: Collection[str]) -> tuple[Step, ...]:
    """Of the steps of a plan those that some columns rest on, in order.

    >>> first, second = Log(out="b", column="a", scale=1.0), Clip(out="c", column="a", low=0.0)
    >>> [step.out for step in steps_for((first, second, Clip(out="d", column="b", low=0.0)), {"d"})]
    ['b', 'd']
    """
    wanted, found = set(names), list[Step]()
    for step in reversed(steps):
        if step.out in wanted:
            # Whoever stands before and writes the same column is not read by now.
            wanted.discard(step.out)
            wanted.update(inputs(step))
            found.append(step)
    return tuple(reversed(found))
