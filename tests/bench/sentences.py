"""Swedish sentences without end, put together from parts, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from tests.support.speech import SENTENCES

_WHO = (
    "Min syster|Läraren|Den gamla fiskaren|Chefen på lagret|Vår granne|En ung kvinna från Norrland|Tandläkaren|"
    "Hans kusin|Den nya sjuksköterskan|Busschauffören|Ordföranden|Barnens farmor|En trött student|Snickaren|"
    "Redaktören|Familjen Lindberg|Domaren|Mannen i den blå rocken|Vår äldsta dotter|Bonden"
).split("|")
_DID = (
    "köpte|hittade|beskrev|målade|lämnade|visade|sålde|lagade|hämtade|letade efter|berättade om|skrev om|glömde|"
    "tänkte på|frågade efter|tog med sig|betalade|väntade på|drömde om|fotograferade"
).split("|")
_WHAT = (
    "en gammal cykel|tre böcker om havet|den trasiga lampan|ett brev från kommunen|en korg med svamp|"
    "de sista biljetterna|en karta över skärgården|sin nya telefon|ett rött hus|priset på mjölk|en varm tröja|"
    "resultatet av provet|nycklarna till stugan|ett stort paket|maten till festen|sina gamla vänner|"
    "en film om kriget|den långa vintern|räkningen från sjukhuset|två vita hästar"
).split("|")
_WHERE = (
    "på torget|i Västerås|vid den lilla kyrkan|bakom stationen|i hamnen|på väg till jobbet|hos doktorn|i köket|"
    "på biblioteket i Lund|utanför affären|längs stranden|på landet|i källaren|mitt i skogen|på mötet"
).split("|")
_WHEN = (
    "i går morse|förra veckan|strax före jul|i maj|sent på kvällen|efter lunchen|när det började regna|"
    "innan solen gick upp|för tio år sedan|under semestern|i slutet av månaden|på midsommarafton|"
    "klockan kvart över sju|medan de andra sov|på torsdagen"
).split("|")
_AND = (
    "och ingen visste varför|men det var redan för sent|eftersom pengarna var slut|och alla blev glada|"
    "trots att vägen var stängd|så att barnen kunde vila|men han sa ingenting om det|"
    "och sedan gick de hem tillsammans|fast det kostade mycket|därför att någon hade ringt"
).split("|")


def sentences(seed: int) -> Iterator[str]:
    """A third are the tests' own, the rest are made: some two hundred thousand are possible."""
    chance = random.Random(seed)
    while True:
        if chance.random() < 1 / 3:
            yield chance.choice(SENTENCES)
            continue
        parts = [chance.choice(list_) for list_ in (_WHO, _DID, _WHAT, _WHERE, _WHEN)]
        if chance.random() < 0.3:
            parts[-1] += ", " + chance.choice(_AND)
        yield " ".join(parts) + "."
