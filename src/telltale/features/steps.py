"""What a step of a plan reads: which columns, and whether of the row alone or of rows before it too."""

from telltale.contract.plan import (
    Change,
    Clip,
    Deviation,
    ForwardFill,
    Largest,
    Log,
    Lookup,
    Norm,
    Product,
    RateDeviation,
    Ratio,
    Rolling,
    Seasonal,
    Step,
    WindowStat,
)

RowStep = Log | Ratio | Seasonal | Deviation | RateDeviation | Clip | Largest | Norm | Product | Lookup
WindowStep = Change | Rolling | ForwardFill | WindowStat


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
        case Largest() | Norm() | Product():
            return step.columns
        case _:
            return (step.column,)
