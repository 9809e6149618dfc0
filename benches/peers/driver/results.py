"""Results by what they are of: medians, and ratios within a round."""

from statistics import median

# A server that had less of its core was disturbed by others.
BUSY = 0.9


def disturbed(result):
    # Unless it waited itself.
    waits = result["experiment"].endswith("no NODELAY") or result["contestant"] in ("sqlite", "redis")
    return not waits and result.get("server_busy", 1) < BUSY


class Results:
    def __init__(self, results):
        self.all = results
        self.by_key = {}
        for result in results:
            key = (result["contestant"], result["experiment"], result["mode"])
            self.by_key.setdefault(key, {})[result["round"]] = result

    def of(self, contestant, experiment, mode):
        """Every round, whatever came of it."""
        return self.by_key.get((contestant, experiment, mode), {})

    def measured(self, contestant, experiment, mode):
        rounds = self.of(contestant, experiment, mode).items()
        return {number: result for number, result in rounds if "lacks" not in result and "failed" not in result}

    def rounds(self, contestant, experiment, mode):
        """The measured rounds, without those that were disturbed if there are others."""
        measured = self.measured(contestant, experiment, mode)
        clean = {number: result for number, result in measured.items() if not disturbed(result)}
        return clean or measured

    def disturbed(self, contestant, experiment, mode):
        return any(map(disturbed, self.rounds(contestant, experiment, mode).values()))

    def lacks(self, contestant, experiment, mode):
        """Why it is not measured, or None."""
        return next((one["lacks"] for one in self.of(contestant, experiment, mode).values() if "lacks" in one), None)

    def failures(self, contestant, experiment, mode):
        """What went wrong, by the round in which it did."""
        rounds = self.of(contestant, experiment, mode).items()
        return {number: result["failed"] for number, result in rounds if "failed" in result}

    def median(self, contestant, experiment, mode, field):
        values = [result[field] for result in self.rounds(contestant, experiment, mode).values() if field in result]
        return median(values) if values else None

    def ratios(self, contestant, experiment, mode, ceiling, field="rate", other=None):
        """Per round: this one's over the ceiling's, or over that of another experiment; and whether they are of rounds
        in which one of the two was disturbed, since there is none in which neither was."""
        ours = self.measured(contestant, experiment, mode)
        theirs = self.measured(ceiling, other or experiment, mode)
        pairs = [(ours[number], theirs[number]) for number in ours if number in theirs]
        clean = [pair for pair in pairs if not any(map(disturbed, pair))]
        return [one[field] / base[field] for one, base in clean or pairs], bool(pairs) and not clean
