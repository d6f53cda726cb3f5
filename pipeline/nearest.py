"""The query with a list that is nearest to one without: misspelt, in another order, in the plural, a word more or less.

Two queries are as near as the words they share, each weighed by how few queries hold it (a weighted Jaccard index), and
never near when the listed one holds a number that was not typed: "halo 3" is not "halo 4".
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipeline.queries import words_of, words_of_all

# Chosen on Best Buy's train.csv alone (bench/bestbuy_nearest.py, decision 42).
LEAST_LIKENESS = 0.5
MENDED = 0.7  # what a word counts that was mended to be one of the listed query
SHORTEST_MENDED = 4  # letters: of "war", "ward" and "wart" nobody knows what was meant
# What bounds a look-up: nobody means a listed query by more, and the event loop of the API waits for it.
MOST_WORDS = 12
LONGEST_MENDED = 24
ALPHABET = 40  # so many letters, the most frequent ones, may be what is wrong or missing in a word
REMEMBERED = 10_000


@dataclass(slots=True)
class Nearest:
    """A query that has a list, and how like it is, up to 1; what it says may be shown only when it is common."""

    query: str
    is_common: bool
    likeness: float = field(default=0.0, compare=False)


@dataclass(slots=True)
class _Known:
    """A query with a list: its words, in order, and how rare they are together."""

    query: str
    is_common: bool
    words: tuple[str, ...]
    weight: float = 0.0


@dataclass
class NearQueries:
    """The queries of a version that have lists of their own, to be looked up by words; all of them, or as many as fit."""

    is_whole: bool = True
    known: dict[str, _Known] = field(default_factory=dict)
    by_word: defaultdict[str, list[_Known]] = field(default_factory=lambda: defaultdict(list))
    weights: dict[str, float] = field(default_factory=dict)
    letters: str = ""
    found: dict[str, Nearest | None] = field(default_factory=dict)  # what was looked up, as much as is remembered

    def learn(self, queries: Iterable[tuple[str, bool]]) -> None:
        """These queries, each with whether it is common, are known too."""
        rows = list(queries)
        for (query, is_common), words in zip(rows, words_of_all([query for query, _ in rows]), strict=True):
            known = self.known[query] = _Known(query, bool(is_common), words)
            for word in words:
                self.by_word[word].append(known)

    def weigh(self) -> None:
        """Words weigh what they tell, now that every query is known."""
        self.weights = {word: math.log(1 + len(self.known) / len(known)) for word, known in self.by_word.items()}
        for known in self.known.values():
            known.weight = self._weigh(known.words)
        for holders in self.by_word.values():
            holders.sort(key=_weight_of)
        counted: Counter[str] = Counter()
        for word, queries in self.by_word.items():
            if not is_mark(word):
                counted.update(dict.fromkeys(word, len(queries)))
        frequent = sorted(counted, key=lambda letter: (-counted[letter], letter))
        self.letters = "".join(frequent[:ALPHABET])

    def find(self, query: str) -> Nearest | None:
        """The nearest query with a list; None when `query` has one itself, and when none is near enough."""
        if query in self.known:
            return None
        try:
            return self.found[query]
        except KeyError:
            pass
        nearest = self._nearest(words_of(query))
        if len(self.found) >= REMEMBERED:  # by several threads, maybe
            self.found.clear()
        self.found[query] = nearest
        return nearest

    def _nearest(self, typed: tuple[str, ...]) -> Nearest | None:
        if not typed or len(typed) > MOST_WORDS:
            return None
        meant = dict.fromkeys(typed, 1.0)
        for word in typed:
            if (mended := self._mend(word)) not in meant:
                del meant[word]
                meant[mended] = MENDED
        weight = self._weigh(meant)
        signs = {word for word in typed if len(word) == 1 and not word.isnumeric()}
        best: _Known | None = None
        highest = (LEAST_LIKENESS, False)
        for known in self._candidates(meant, weight):
            shared = sum(self.weights[word] * meant[word] for word in known.words if word in meant)
            likeness = round(shared / (weight + known.weight - shared), 6)
            mark = (likeness, known.is_common)
            if mark < highest or not _is_same_thing(known.words, meant, signs):
                continue
            if best is None or mark > highest or known.query < best.query:
                best, highest = known, mark
        return Nearest(best.query, best.is_common, highest[0]) if best else None

    def _candidates(self, meant: dict[str, float], weight: float) -> Iterator[_Known]:
        """Every query that may be near enough: it holds one of the rarest words, without which the others are too little,
        and says about as much.
        """
        left, seen = weight, set()
        for word in sorted(meant, key=lambda one: (-self._weigh([one]), one)):
            if left < LEAST_LIKENESS * weight:
                return
            left -= self._weigh([word])
            holders = self.by_word.get(word, [])
            for place in range(bisect_left(holders, LEAST_LIKENESS * weight, key=_weight_of), len(holders)):
                known = holders[place]
                if known.weight * LEAST_LIKENESS > weight:
                    break
                if known.query not in seen:
                    seen.add(known.query)
                    yield known

    def _weigh(self, words: Iterable[str]) -> float:
        unknown = math.log(1 + len(self.known))
        return sum(self.weights.get(word, unknown) for word in words)

    def _mend(self, word: str) -> str:
        """The known word that is one letter, or two in the wrong order, off an unknown one: of several the most frequent."""
        if word in self.by_word or is_mark(word) or not SHORTEST_MENDED <= len(word) <= LONGEST_MENDED:
            return word
        near = {
            other for other in _edits(word, self.letters) if other in self.by_word and len(other) >= SHORTEST_MENDED
        }
        return max(near, key=lambda other: (len(self.by_word[other]), other), default=word)


def _weight_of(known: _Known) -> float:
    return known.weight


def is_mark(word: str) -> bool:
    """Whether a word is a number or a single letter, which tell things apart whose names are otherwise the same."""
    return len(word) == 1 or word[0].isnumeric()


def _is_same_thing(listed: tuple[str, ...], typed: dict[str, float], signs: set[str]) -> bool:
    """Whether no number speaks against it: each number of the listed query was typed, single signs are the same."""
    marks = [word for word in listed if is_mark(word)]
    if len(marks) == len(listed):
        return False  # numbers alone name nothing
    return all(word in typed for word in marks) and signs.issubset(listed)


def _edits(word: str, letters: str) -> Iterator[str]:
    """Every word that is one letter more, less or other, or has two neighbours swapped."""
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in letters:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]
