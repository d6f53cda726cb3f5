"""Figures that others published on the same splits, to stand beside ours: copied from their tables, not measured here."""

NCF = "NCF split, leave one out, 99 negatives"
GOWALLA = "LightGCN's split, full ranking"
# name -> (k, what the split is, the measures' names in our table, rows of name, source and figures)
PUBLISHED = {
    "ml-1m": (
        10,
        NCF,
        ("hit_rate", "ndcg"),
        (
            ("iALS", "Ferrari Dacrema et al., TOIS 2021", 0.7109, 0.4382),
            ("iALS, tuned, d=64", "Rendle et al., 2021", 0.722, 0.445),
            ("SLIM", "Ferrari Dacrema et al., TOIS 2021", 0.7162, 0.4468),
            ("EASE", "Ferrari Dacrema et al., TOIS 2021", 0.7192, 0.4494),
            ("NeuMF", "Ferrari Dacrema et al., TOIS 2021", 0.7093, 0.4349),
        ),
    ),
    "gowalla": (
        20,
        GOWALLA,
        ("recall", "ndcg"),
        (
            ("ItemCF", "BARS", 0.1570, 0.1214),
            ("SLIM", "BARS", 0.1699, 0.1382),
            ("EASE", "BARS", 0.1765, 0.1467),
            ("LightGCN", "BARS", 0.1820, 0.1547),
            ("UltraGCN", "BARS", 0.1862, 0.1580),
        ),
    ),
}


def published_rows(data_set: str) -> list[dict[str, object]]:
    """Rows as `compare` makes them, with the figures that were published and where."""
    k, split, measures, rows = PUBLISHED[data_set]
    return [
        {
            "model": f"published: {name}",
            "k": k,
            "source": f"{source}; {split}",
            **dict(zip(measures, figures, strict=True)),
        }
        for name, source, *figures in rows
    ]
