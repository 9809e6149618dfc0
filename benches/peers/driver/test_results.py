"""`python3 -m unittest discover --start-directory benches/peers`"""

import unittest

from .results import Results


def result(contestant, round_, rate=100.0, experiment="calls", **more):
    return {"contestant": contestant, "experiment": experiment, "mode": "modern", "round": round_, "rate": rate, **more}


def failed(contestant, round_, reason):
    return {"contestant": contestant, "experiment": "calls", "mode": "modern", "round": round_, "failed": reason}


class Ratios(unittest.TestCase):
    def ratios(self, *results, **more):
        return Results(results).ratios("ours", "calls", "modern", "ceiling", **more)

    def test_they_are_of_one_round_each(self):
        rounds = [result("ceiling", 0, 100), result("ours", 0, 50), result("ours", 1, 90), result("ceiling", 1, 200)]
        self.assertEqual(self.ratios(*rounds), ([0.5, 0.45], False))

    def test_a_round_in_which_either_was_disturbed_is_left_out(self):
        rounds = [
            *(result("ceiling", 0, 100), result("ours", 0, 40, server_busy=0.5)),
            *(result("ceiling", 1, 40, server_busy=0.5), result("ours", 1, 50)),
            *(result("ceiling", 2, 100, server_busy=0.95), result("ours", 2, 50, server_busy=0.95)),
        ]
        self.assertEqual(self.ratios(*rounds), ([0.5], False))

    def test_when_all_were_disturbed_all_count_and_that_is_told(self):
        # Each has a round of its own that is clean: there is none in which both are.
        rounds = [
            *(result("ceiling", 0, 100), result("ours", 0, 40, server_busy=0.5)),
            *(result("ceiling", 1, 40, server_busy=0.5), result("ours", 1, 50)),
        ]
        self.assertEqual(self.ratios(*rounds), ([0.4, 1.25], True))

    def test_a_round_that_only_one_got_through_has_no_ratio(self):
        rounds = [result("ceiling", 0), failed("ours", 0, "ended"), failed("ceiling", 1, "ended"), result("ours", 1)]
        self.assertEqual(self.ratios(*rounds), ([], False))

    def test_they_may_be_of_another_field_or_experiment(self):
        rounds = [result("ceiling", 0, cpu=4), result("ours", 0, cpu=3), result("ceiling", 0, 25, "plain")]
        self.assertEqual(self.ratios(*rounds, field="cpu"), ([0.75], False))
        self.assertEqual(self.ratios(*rounds, other="plain"), ([4], False))


class Medians(unittest.TestCase):
    def test_they_are_of_the_clean_rounds_if_there_are_any(self):
        disturbed = [result("ours", 0, 10, server_busy=0.5), result("ours", 1, 20, server_busy=0.5)]
        self.assertEqual(Results(disturbed).median("ours", "calls", "modern", "rate"), 15)
        self.assertTrue(Results(disturbed).disturbed("ours", "calls", "modern"))
        results = Results([*disturbed, result("ours", 2, 30, server_busy=1.0)])
        self.assertEqual(results.median("ours", "calls", "modern", "rate"), 30)
        self.assertFalse(results.disturbed("ours", "calls", "modern"))

    def test_who_waits_itself_was_not_disturbed(self):
        stalled = result("ours", 0, 1, "yields, no NODELAY", server_busy=0.1)
        results = Results([result("redis", 0, server_busy=0.5), stalled])
        self.assertFalse(results.disturbed("redis", "calls", "modern"))
        self.assertFalse(results.disturbed("ours", "yields, no NODELAY", "modern"))

    def test_nothing_measured_has_none(self):
        self.assertIsNone(Results([failed("ours", 0, "it ended")]).median("ours", "calls", "modern", "rate"))
        self.assertIsNone(Results([result("ours", 0)]).median("ours", "calls", "modern", "another"))


class Absences(unittest.TestCase):
    def test_failures_have_the_number_of_their_round(self):
        results = Results([result("ours", 0), failed("ours", 1, "it ended"), result("ours", 2, 300)])
        self.assertEqual(results.failures("ours", "calls", "modern"), {1: "it ended"})
        self.assertIsNone(results.lacks("ours", "calls", "modern"))
        self.assertEqual(results.median("ours", "calls", "modern", "rate"), 200)

    def test_what_is_not_served_has_a_reason(self):
        lacking = {"contestant": "ours", "experiment": "calls", "mode": "modern", "round": 0, "lacks": "not served"}
        self.assertEqual(Results([lacking]).lacks("ours", "calls", "modern"), "not served")
        self.assertEqual(Results([lacking]).failures("ours", "calls", "modern"), {})


if __name__ == "__main__":
    unittest.main()
