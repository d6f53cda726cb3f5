"""Guards of how queries for DuckDB become Spark's, and its files one."""

WORDS = "tests/pipeline/spark/test_translate.py::test_what_means_something_else_is_written_out"
TABLES = "tests/pipeline/spark/test_tables.py::"

MUTATIONS = [
    (
        "on Spark the latest query may be empty",
        "pipeline/spark/translate.py",
        "ordered = exp.case().when(exp.not_(node.this.copy().is_(exp.null())), node.expression.copy())",
        "ordered = node.expression.copy()",
        WORDS,
    ),
    (
        "products of sums overflow on Spark",
        "pipeline/spark/translate.py",
        "return node if whole is not node else",
        "return node if whole else",
        WORDS,
    ),
    (
        "Spark cuts off what is computed",
        "pipeline/spark/translate.py",
        'this=exp.func("bround", node.this.copy())',
        "this=node.this.copy()",
        WORDS,
    ),
    (
        "a span of an ASOF join ends where the next begins, whichever comparison it has",
        "pipeline/spark/translate.py",
        "(exp.LTE if isinstance(later, exp.GT) else exp.LT)",
        "exp.LT",
        "tests/pipeline/spark/test_translate.py::test_an_asof_join_is_a_join_with_spans",
    ),
    (
        "columns of other names are united by their places on Spark",
        "pipeline/spark/translate.py",
        'if node.args.get("by_name"):',
        "if False:",
        "tests/pipeline/spark/test_translate.py::test_what_has_no_translation_is_refused",
    ),
    (
        "the bytes of a table of Spark's depend on how many parts it wrote",
        "pipeline/spark/tables.py",
        "while waiting.num_rows >= GROUP_ROWS:",
        "while waiting.num_rows:",
        TABLES + "test_parts_become_one_file_in_their_order_whose_bytes_follow_from_the_rows",
    ),
    (
        "a model of the other engine is carried on",
        "pipeline/chain.py",
        'MODEL_SETTINGS += ["engine"]',
        "",
        "tests/pipeline/test_chain.py::test_a_model_of_the_other_engine_is_not_carried_on",
    ),
]
