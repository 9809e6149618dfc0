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

    def rounds(self, contestant, experiment, mode):
        """The measured rounds, without those that were disturbed if there are others."""
        measured = {
            number: result
            for number, result in self.by_key.get((contestant, experiment, mode), {}).items()
            if "lacks" not in result and "failed" not in result
        }
        clean = {number: result for number, result in measured.items() if not disturbed(result)}
        return clean or measured

    def disturbed(self, contestant, experiment, mode):
        return any(map(disturbed, self.rounds(contestant, experiment, mode).values()))

    def why_not(self, contestant, experiment, mode):
        """Why there is nothing, or nothing of some rounds."""
        for result in self.by_key.get((contestant, experiment, mode), {}).values():
            if reason := result.get("lacks") or result.get("failed"):
                return reason
        return None

    def median(self, contestant, experiment, mode, field):
        values = [result[field] for result in self.rounds(contestant, experiment, mode).values() if field in result]
        return median(values) if values else None

    def ratios(self, contestant, experiment, mode, ceiling, field="rate", other=None):
        """Per round: this one's over the ceiling's, or over that of another experiment."""
        ours = self.rounds(contestant, experiment, mode)
        theirs = self.rounds(ceiling, other or experiment, mode)
        return [ours[number][field] / theirs[number][field] for number in ours if number in theirs]
