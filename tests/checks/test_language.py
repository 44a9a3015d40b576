"""Languages as they are: found when certain, unchecked when short, mixed or code."""

from __future__ import annotations

import pytest

from tunewell.checks.language import (
    is_language_unchecked,
    language,
    language_shares,
    likely_languages,
    other_language,
    unasked_language,
)
from tunewell.languages import detectable, language_code, relatives

TEXTS = {
    "en": "Please send me the form that I need for the new flat",
    "de": "Bitte senden Sie mir das Formular, das ich für die neue Wohnung brauche",
    "fr": "Bonjour, je voudrais savoir comment payer la facture que vous avez envoyée",
    "es": "Hola, quisiera saber cómo puedo pagar la factura que me han enviado",
    "it": "Buongiorno, vorrei sapere come posso pagare la fattura che mi avete inviato",
    "pt": "Bom dia, gostaria de saber como posso pagar a fatura que vocês me enviaram",
    "nl": "Goedemorgen, ik wil graag weten hoe ik de rekening kan betalen",
    "pl": "Dzień dobry, chciałbym wiedzieć, jak mogę zapłacić rachunek",
    "ru": "Здравствуйте, подскажите, как я могу оплатить счёт за квартиру",
    "uk": "Добрий день, підкажіть, будь ласка, як сплатити рахунок за квартиру",
    "fa": "سلام، لطفا به من بگویید چگونه می‌توانم قبض را پرداخت کنم",
    "ar": "مرحبا، كيف يمكنني دفع الفاتورة التي أرسلتموها إلي الأسبوع الماضي",
    "ja": "新しい部屋の鍵はどこで受け取ることができますか。",
    "zh": "请问在哪里可以领取新房间的钥匙，需要多少钱？",
    "ko": "새 방 열쇠는 어디에서 받을 수 있나요 그리고 얼마입니까",
    "th": "ฉันจะรับกุญแจห้องใหม่ได้ที่ไหนและราคาเท่าไหร่",
    "hi": "मुझे नए कमरे की चाबी कहाँ से मिलेगी और इसकी कीमत क्या है",
    "tr": "Yeni odanın anahtarını nereden alabilirim ve ne kadar tutar",
    "fi": "Mistä saan uuden huoneen avaimen ja paljonko se maksaa",
    "hu": "Hol kaphatom meg az új szoba kulcsát, és mennyibe kerül",
    "el": "Πού μπορώ να πάρω το κλειδί του νέου δωματίου και πόσο κοστίζει",
    "vi": "Tôi có thể nhận chìa khóa phòng mới ở đâu và giá bao nhiêu",
}


@pytest.mark.parametrize("code", list(TEXTS))
def test_languages_are_told(code: str) -> None:
    shares = language_shares(TEXTS[code])
    assert language(TEXTS[code]) == code
    assert not other_language(shares, [code])
    assert other_language(shares, ["en" if code != "en" else "de"]) == code


@pytest.mark.parametrize(
    "text",
    [
        "No, no I haven't, I haven't been sick.",
        "Um, no, no further questions, no.",
        "No fever at all. No.",
        "Oh no, no, no, no.",
        "Sì, see? No no, me neither.",
        "Son, can you come in, no?",
        "Me? No, I can, en route.",
        "La la la, no, I was on a die-in.",
        "Um, a was, er, the, no.",
    ],
)
def test_everyday_english_is_never_another_language(text: str) -> None:
    assert not other_language(language_shares(text), ["en"])


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "42",
        "card_arrival",
        "No.",
        "x = y@self.weight.T + self.bias",
        "```python\nimport os\nprint(os.environ)\n```",
        "SELECT name FROM customers WHERE id = 7;",
        "https://lumenta.net/de/hilfe/rechnung-bezahlen",
        "Maria Fernanda Gonzalez Rodriguez, Juan Pablo Hernandez",
        "docker run -it --rm -v /data:/data image:latest",
    ],
)
def test_short_rows_and_code_are_unchecked(text: str) -> None:
    shares = language_shares(text)
    assert not other_language(shares, ["en"])
    assert not other_language(shares, ["ja"])
    assert is_language_unchecked(shares, ["ja"])


def test_quotations_are_no_evidence() -> None:
    text = 'How do you say "je voudrais savoir comment payer la facture que vous avez" in English?'
    assert not other_language(language_shares(text), ["en"])


def test_close_relatives_are_not_held_against_each_other() -> None:
    norwegian = "Du kan hente en ny nøkkel på kontoret, og det koster ikke noe for deg som bor her."
    for wanted in ("no", "da", "sv"):
        assert not other_language(language_shares(norwegian), [wanted])
    assert other_language(language_shares(norwegian), ["en"]) in relatives("no")


def test_a_wanted_language_that_the_detector_does_not_know_drops_nothing() -> None:
    assert "ha" not in detectable()
    assert not other_language(language_shares(TEXTS["de"]), ["ha"])
    assert len(detectable()) >= 70


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (False, "no"),
        ("no", "no"),
        ("nb", "no"),
        ("nn", "no"),
        ("nob", "no"),
        ("Norwegian", "no"),
        ("norsk", "no"),
        ("Bokmål", "no"),
        ("de", "de"),
        ("DE", "de"),
        ("deu", "de"),
        ("ger", "de"),
        ("German", "de"),
        ("Deutsch", "de"),
        ("de-AT", "de"),
        ("zh-CN", "zh"),
        ("zh_Hant_TW", "zh"),
        ("Mandarin", "zh"),
        ("中文", "zh"),
        ("en-GB", "en"),
        ("pt-BR", "pt"),
        ("Brazilian Portuguese", "pt"),
        ("farsi", "fa"),
        ("Українська", "uk"),
        ("ukr", "uk"),
        ("jpn", "ja"),
        ("tagalog", "tl"),
        ("fil", "tl"),
        ("sw", "sw"),
        ("iw", "he"),
        ("hausa", "ha"),
    ],
)
def test_a_language_has_many_names(said: object, code: str) -> None:
    assert language_code(said) == code


@pytest.mark.parametrize(
    ("said", "near"),
    [
        ("Germn", "german"),
        ("englsh", "english"),
        ("Norwegain", "norwegian"),
        ("xq", "ISO 639"),
        (True, "ISO 639"),
        ("french!", "french"),
        ("Ukranian", "ukrainian"),
    ],
)
def test_an_unknown_language_gets_the_nearest(said: object, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        language_code(said)


ENGLISH, FRENCH, CHINESE = [("en", 0.99)], [("fr", 0.99)], [("zh", 0.99)]
FRENCH_ANSWER = "Le dépôt est ouvert jusqu'à six heures du soir."


@pytest.mark.parametrize(
    ("asked", "answered", "seen", "main"),
    [
        ("Translate: the depot is open.", FRENCH_ANSWER, [ENGLISH, FRENCH], "en"),
        ("How do the French say that? In French, please.", FRENCH_ANSWER, [ENGLISH, FRENCH], "en"),
        ("Quand est-ce que le dépôt ferme ?", FRENCH_ANSWER, [FRENCH, FRENCH], "en"),
        ("Salut", FRENCH_ANSWER, [[], FRENCH], "en"),
        ("用“depot”造一个句子", "The depot closes at six.", [CHINESE, ENGLISH], "zh"),
        ("用英语说再见", "See you soon, then.", [CHINESE, ENGLISH], "zh"),
        ("把这个函数改一下", "def close(d):\n    return d.at(6)", [CHINESE, ENGLISH], "zh"),
    ],
)
def test_what_was_asked_for_is_no_wrong_language(
    asked: str, answered: str, seen: list[list[tuple[str, float]]], main: str
) -> None:
    assert not unasked_language(asked, answered, seen, [main])


def test_an_answer_in_a_language_that_nobody_speaks_there_is_wrong() -> None:
    asked = "When does the depot close on Friday?"
    assert unasked_language(asked, FRENCH_ANSWER, [ENGLISH, FRENCH], ["en"]) == "fr"
    said = "The depot closes at six in the evening."
    assert unasked_language("仓库星期五几点关门？", said, [CHINESE, ENGLISH], ["zh"]) == "en"


def test_capitals_throughout_are_no_names() -> None:
    assert language("THE LAMPS OF THE OLD PIER WERE LIT BEFORE THE STORM CAME OVER THE SEA") == "en"
    assert language("DIE LAMPEN AM ALTEN STEG BRANNTEN NOCH ALS DER STURM VOM MEER HER KAM") == "de"


def test_han_without_kana_is_not_called_japanese() -> None:
    assert all(code != "ja" for code, _ in likely_languages("結論文情感積極自豪成功"))
    assert likely_languages("金曜日までに用紙をお送りください")[0][0] == "ja"
