"""Presidio's recognizers behind a pipe, for compare.ts: one JSON list of texts a line in, one of lists of spans a line out.

    python3 -m venv DIR && DIR/bin/pip install presidio-analyzer
    PRESIDIO_PYTHON=DIR/bin/python node --conditions=source --import tsx test/bench/masking/compare.ts

Without a language model: names are not looked for, and words stand in for their lemmas where a recognizer asks for the
words around a match. Dates and URLs are left out, for they would all count as false alarms.
"""
import json
import logging
import sys

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NlpArtifacts, SpacyNlpEngine


class Words(SpacyNlpEngine):
    def __init__(self):
        super().__init__()
        self.nlp = {"en": spacy.blank("en")}
        self.nlp["en"].max_length = 10_000_000

    def process_text(self, text, language):
        doc = self.nlp[language](text)
        words = [token.text.lower() for token in doc]
        return NlpArtifacts(
            entities=[],
            tokens=doc,
            tokens_indices=[token.idx for token in doc],
            lemmas=words,
            nlp_engine=self,
            language=language,
        )


# The list of public suffixes cannot be fetched everywhere; the one that is packed with it does.
logging.disable(logging.CRITICAL)
registry = RecognizerRegistry()
registry.load_predefined_recognizers(languages=["en"])
registry.recognizers = [
    r for r in registry.recognizers if not {"DATE_TIME", "URL", "PERSON"} & set(r.supported_entities)
]
analyzer = AnalyzerEngine(registry=registry, nlp_engine=Words(), supported_languages=["en"])
print("ready", flush=True)
for line in sys.stdin:
    out = []
    for text in json.loads(line):
        found = analyzer.analyze(text, language="en", score_threshold=0.4)
        out.append([[r.start, r.end] for r in found])
    print(json.dumps(out), flush=True)
