"""Promises of the counts and the report: python3 -m unittest discover -s benchmarks/gpu"""

import pathlib
import tempfile
import unittest

import run
import work


class WorkTest(unittest.TestCase):
    def test_one_row_costs_two_operations_a_weight_of_a_matrix(self):
        # Vectors are no products: biases and norms are left out, attention of one row comes to it.
        vectors = 24 * (2 * (4096 + 1024) + 4 * 1024 + 12 * 1024) + 160 * 2 + 1024 + 64
        # A head reads its table of 73 distances, which 16 heads share.
        matrices = work.weight_count(24, 64) - vectors + 24 * 73 * (1024 - 64)
        self.assertEqual(work.flops([1], 24, 64), 2 * (matrices + 24 * 2 * 1024))

    def test_counts_the_parameters_of_the_checkpoint(self):
        # transformers' model of this shape has 580,493,120, of which masked_spec_embed is not read.
        self.assertEqual(work.weight_count(24, 0), 580_493_120 - 1024)

    def test_float8_halves_the_bytes_of_seven_eighths_of_the_matrices(self):
        matrices = 24 * 23 * 1024 * 1024
        saved = work.least_bytes([50], 24, 64, "bfloat16") - work.least_bytes([50], 24, 64, "float8")
        self.assertEqual(saved, matrices * 20 // 23)

    def test_work_of_a_batch_is_that_of_its_utterances(self):
        both = work.flops([50, 400], 24, 64)
        self.assertEqual(both, work.flops([50], 24, 64) + work.flops([400], 24, 64))
        self.assertLess(both, work.flops([450], 24, 64))

    def test_short_inputs_are_bound_by_memory_and_long_ones_by_products(self):
        ceilings = {"flops": 8e14, "bytes": 3e12}
        self.assertEqual(work.floor([50], 24, 64, "bfloat16", ceilings)[1], "memory")
        self.assertEqual(work.floor([3000], 24, 64, "bfloat16", ceilings)[1], "matrix")

    def test_numbers_have_significant_digits(self):
        values = (None, 0.0, 0.01234, 1.234, 999.6, 1234.5, 1.5e-7)
        texts = ["", "0", "0.0123", "1.23", "1000", "1234", "1.50e-07"]
        self.assertEqual([work.number(value) for value in values], texts)

    def test_results_survive_a_run_that_ends_early(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "results.jsonl")
            results = work.Results(path)
            results.write("run", name="build", seconds=1.0, passed=True)
            results.write("run", name="tests", seconds=2.0, passed=False, note="3 failed")
            read = work.read_results(path)
        self.assertEqual([each["name"] for each in read], ["build", "tests"])
        self.assertIn("| tests | 2 | **no** | 3 failed |", work.report(read))


    def test_an_operator_is_shown_with_its_worst_case(self):
        common = {"stage": "operators", "operator": "finish", "dtype": "float16"}
        results = [
            common | {"case": "exact", "error": 0, "bound": 0, "passed": True},
            common | {"case": "endless", "error": None, "bound": 0.1, "passed": False},
            common | {"case": "close", "error": 0.09, "bound": 0.1, "passed": True},
        ]
        self.assertIn("| finish | float16 | 3 |  | 0.10 | endless | **no** |", work.report(results))
        self.assertIn("| 2 | 0.090 | 0.10 | close | yes |", work.report([results[0], results[2]]))
        wrong = common | {"case": "ids", "error": 1, "bound": 0, "passed": False}
        self.assertIn("| 4 |  | 0.10 | endless", work.report([*results, wrong]))
        self.assertIn("| 2 | 1.0 | 0 | ids | **no** |", work.report([results[2], wrong]))


class TimingTableTest(unittest.TestCase):
    def setUp(self):
        common = {"stage": "timing", "dtype": "bfloat16", "case": "8 s"}
        self.results = [
            {"stage": "ceiling", "what": "flops", "dtype": "bfloat16", "per_second": 8e14},
            {"stage": "ceiling", "what": "bytes", "dtype": "bfloat16", "per_second": 3e12},
            common
            | {"who": "w2vbert", "time": [399], "layers": 24, "vocabulary": 64, "peak_bytes": 2e9}
            | {"samples_to_tokens_ms": [5.0, 3.0, 4.0], "features_to_logits_ms": [2.0, 2.0, 9.0]},
            common
            | {"who": "eager", "samples_to_tokens_ms": [40.0], "features_to_logits_ms": [20.0]},
            common
            | {"who": "sdpa", "samples_to_tokens_ms": [30.0], "features_to_logits_ms": [10.0]},
            common | {"who": "compile", "failure": "out of memory"},
        ]

    def test_medians_are_compared_with_the_fastest_peer(self):
        (row,) = work.timing_rows(self.results)
        self.assertEqual((row["whole_ms"], row["model_ms"]), (4.0, 2.0))
        self.assertEqual((row["ratio"], row["whole_ratio"]), (5.0, 7.5))
        self.assertAlmostEqual(row["matrix_share"], work.flops([399], 24, 64) / 2e-3 / 8e14)

    def test_what_failed_says_so_in_place_of_a_time(self):
        line = work.timing_table(self.results)[-1]
        self.assertIn("| out of memory | 20.0 | 10.0 |", line)

    def test_without_our_times_there_is_no_ratio(self):
        self.results[2] = {**self.results[3], "who": "w2vbert", "failure": "wrong logits"}
        del self.results[2]["features_to_logits_ms"]
        (row,) = work.timing_rows(self.results)
        self.assertNotIn("ratio", row)
        self.assertIn("| wrong logits |", work.timing_table(self.results)[-1])

    def test_a_case_without_ceilings_has_no_shares(self):
        (row,) = work.timing_rows(self.results[2:])
        self.assertNotIn("matrix_share", row)


class DeviceTestsTest(unittest.TestCase):
    def test_passed_tests_of_all_programs_are_counted(self):
        output = "[  PASSED  ] 12 tests.\n[  SKIPPED ] 2 tests, listed below:\n[  PASSED  ] 1 test."
        self.assertEqual(run.count_tests(output), [13, 2])

    def test_none_may_be_skipped_on_a_device(self):
        self.assertEqual(run.count_on_device("[  PASSED  ] 95 tests."), 95)
        for output in ("", "[  PASSED  ] 0 tests.", "[  PASSED  ] 9 tests.\n[  SKIPPED ] 1 test"):
            with self.assertRaisesRegex(run.Stopped, "on the device"):
                run.count_on_device(output)


if __name__ == "__main__":
    unittest.main()
