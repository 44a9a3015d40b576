"""Refusals of a model: in its own voice, and without an answer.

A desk that says no and gives the way on has answered, and so has a sentence about AI.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow.compute as pc

from tunewell.arrow_text import text_column

_HINT = re.compile(
    r"sorry|apolog|afraid|\bas an? |unable|not able|can ?not|can['’]?t\b|won['’]t|"
    r"\bals k|\bals (?:ein|groß|spr)|leid|entschuld|en tant qu|désolé|je ne peux|como (?:un|una|"
    r"ia|modelo|asist)|"
    r"lo siento|no puedo|come (?:ia|un|modello)|mi dispiace|"
    r"desculpe|não posso|作为|抱歉|無法|无法|として|"
    r"как (?:ии|искус|язык|модель)",
    re.IGNORECASE,
)
_PLAIN_HINT = (
    "sorry|apolog|afraid|as a|unable|not able|can ?not|can'?t|won't|als k|als ein|als spr|leid|"
    "entschuld|en tant qu|je ne peux|como (?:un|ia|modelo|asist)|lo siento|no puedo|"
    "come (?:ia|un|modello)|mi dispiace|desculpe"
)
"""What a hint looks like in a text without accents: a text with none of these has no hint."""

_MODEL = (
    r"(?:an? )?(?:ai|a\.i\.|artificial intelligence|(?:large )?language model|chatbot|"
    r"virtual assistant)"
    r"(?:[- ](?:language |text )?(?:model|assistant|chatbot|program|system))?"
)
_UNABLE = (
    r"(?:can(?:no|['’]?)t|can not|do(?:n['’]t| not)|won['’]t|will not|am (?:not able|unable|"
    r"not programmed|not capable)|"
    r"['’]m (?:not able|unable|not programmed|not capable)|must decline|have no|am only)"
)
_START = r"(?:^|(?<=[.!?\n])\s*)[\W_]*"
_IN_OWN_VOICE = re.compile(
    rf"{_START}(?:(?:i['’]m|i am) (?:very |so )?sorry,? (?:but )?|unfortunately,? |"
    rf"i apologi[sz]e,? (?:but )?|sorry,? (?:but )?)?"
    rf"(?:as {_MODEL}\b.{{0,80}}?\bi(?:\s+{_UNABLE}|['’]m (?:not|unable)|\s+(?:strive|aim|must))"
    rf"|(?:i am|i['’]m) (?:just |only )?{_MODEL}\b.{{0,60}}?\b{_UNABLE})"
    rf"|{_START}als (?:eine? )?(?:ki\b|künstliche intelligenz|(?:großes )?sprachmodell|ki-\w+)"
    rf".{{0,60}}?"
    r"\b(?:kann|darf|habe|bin|werde)\b.{0,12}\bich\b.{0,80}?\b(?:nicht|kein\w*)\b"
    rf"|{_START}(?:(?:je suis )?désolée?,? (?:mais )?)?en tant qu['’e ]+(?:une? )?(?:ia|"
    rf"intelligence artificielle|modèle de lang\w+|assistante? (?:ia|virtuelle?))"
    rf".{{0,60}}?\bje (?:ne|n['’])"
    rf"|{_START}como (?:un |una )?(?:ia|inteligencia artificial|modelo de len\w+|"
    rf"modelo de ling\w+|inteligência artificial|asistente (?:de ia|virtual))"
    rf".{{0,40}}?\b(?:no (?:puedo|tengo)|não (?:posso|tenho))"
    rf"|{_START}(?:in quanto|come) (?:un |una |un['’])?(?:ia|intelligenza artificiale|"
    rf"modello lingui\w+).{{0,40}}?\bnon (?:posso|ho)"
    r"|作为(?:一个|一名)?(?:AI|人工智能|语言模型).{0,30}?我(?:无法|不能|没有)"
    r"|(?:AI|人工知能|言語モデル)として.{0,40}?(?:できません|ありません)"
    rf"|{_START}как (?:ии|искусственный интеллект|языковая модель).{{0,40}}?\bя не ",
    re.IGNORECASE,
)
_THAT = (
    r"(?:with |to )?(?:(?:this|that|such|your|these|those) (?:kind of |type of |particular |"
    r"specific )?"
    r"(?:request|question|task|prompt|topic|content|information|query|matter)s?|that|this|it)"
)
_BARE = re.compile(
    r"^[\W_]*(?:(?:(?:i['’]m|i am) )?(?:very |really |so |truly )?(?:sorry|afraid)"
    r"\b[,.!]? ?(?:but |that )?|"
    r"unfortunately,? |(?:i|we) apologi[sz]e[,.]? ?(?:but )?)?"
    r"(?:for (?:any|the) inconvenience,? ?(?:but )?)?"
    r"i (?:can(?:no|['’]?)t|can not|won['’]t|will not|am (?:not able|unable) to|"
    r"['’]m (?:not able|unable) to|must decline to|have to decline to)\s+"
    rf"(?:help|assist|fulfil+|comply|answer|support|engage|continue|complete|respond|do|provide|"
    rf"process|generate|create)(?: you| to)?\s*(?:{_THAT})?"
    r"(?: at (?:this|the) (?:time|moment)| for you| right now| in this case)?\s*[.!]*",
    re.IGNORECASE,
)
_BARE_OTHER = re.compile(
    r"^[\W_]*(?:(?:es )?tut mir (?:sehr )?leid,?|entschuldigung,?|leider)"
    r"[,. ]*(?:aber )?(?:dabei |damit |das |bei dieser anfrage )?"
    r"(?:(?:kann|darf) ich|ich (?:kann|darf)) (?:(?:ihnen|dir|euch) )?(?:(?:dabei|damit|"
    r"bei dieser anfrage|hierbei|diese (?:frage|anfrage)|das)"
    r" )?(?:leider )?nicht (?:weiter)?(?:helfen|unterstützen|beantworten|erfüllen|tun)\W*$"
    r"|^[\W_]*(?:je suis )?(?:désolée?|navrée?),? (?:mais )?je ne (?:peux|suis)"
    r" pas (?:en mesure de )?(?:(?:vous|t['’]) ?)?(?:aider|répondre|assister)(?: (?:avec|à|pour)"
    r" (?:cela|ça|cette (?:demande|question)))?\W*$"
    r"|^[\W_]*lo siento,? (?:pero )?no puedo (?:ayudar(?:te|le|lo)?|asistir(?:te|le)?|responder)"
    r"(?: (?:con|a|en) (?:eso|esto|esa (?:solicitud|pregunta)|ese tema))?\W*$"
    r"|^[\W_]*(?:desculpe|sinto muito|lamento),? (?:mas )?não posso (?:ajudar|responder)"
    r"(?:-lo)?(?: (?:com|a) (?:isso|isto|essa? \w+))?\W*$"
    r"|^[\W_]*mi dispiace,? (?:ma )?non posso (?:aiutar(?:ti|la|la)?|rispondere)(?: (?:con|a|in)"
    r" (?:questo|ciò|questa \w+))?\W*$"
    r"|^[\W_]*(?:对不起|抱歉|很抱歉)[，,]?我(?:无法|不能)(?:提供帮助|帮助|协助|回答|满足)[^。]{0,12}[。！]?$"
    r"|^[\W_]*(?:извините|простите|к сожалению),? (?:но )?я не могу (?:вам |тебе )?(?:помочь|"
    r"ответить)(?: (?:с|на|в) (?:этим|этот \w+|этой \w+))?\W*$",
    re.IGNORECASE,
)
_OFFER = re.compile(
    r"(?:is there (?:anything|something)|(?:please )?let me know|if you (?:have|need|'d|would)|"
    r"feel free|how (?:else )?(?:can|may) i|"
    r"what else|i(?:'|’)?m (?:just )?(?:an?|here)|it (?:goes|is|violates|may)|this (?:goes|is|"
    r"violates)|i (?:hope|apologi)|thank you|my (?:purpose|guidelines)|"
    r"(?:please )?(?:try|ask) (?:again|something|another))[^.!?]*[.!?]*",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+")
_CONTENT_WORDS = 6
"""So many words beside a refusal, offers of help not counted, are an answer."""

_LONG_CONTENT_WORDS = 25
"""So many words beside "As an AI …, I cannot" are an answer with a disclaimer."""

_NO_TOOL = re.compile(
    r"\b(?:capabilit(?:y|ies) to|external tasks?|(?:my|current|no|the|any) (?:function|tool)s?|"
    r"functions? (?:that )?(?:i have|provided|available|given))\b",
    re.IGNORECASE,
)
"""Words of an assistant that has no tool for what is asked: it says the truth."""

_HARM = re.compile(
    r"\b(?:bombs?|weapons?|explosives?|kill|murder|poison|hack(?:ing)?|malware|virus|ransom\w*|"
    r"phish\w*|"
    r"steal|stolen|shoplift\w*|counterfeit|forge|launder\w*|suicid\w*|self-harm|drugs?|meth|"
    r"cocaine|heroin|"
    r"porn\w*|nude|sexual\w*|racis\w*|hate speech|terror\w*|stalk\w*|blackmail|illegal\w*|"
    r"password|home address|medical advice|diagnos\w*|dosage|bypass|jailbreak|ignore (?:all|"
    r"your|previous)|"
    r"system prompt|bombe|waffen?|töten|gift|hacken|stehlen|selbstmord|arme|tuer|voler|pirater|"
    r"matar|robar|hackear)\b",
    re.IGNORECASE,
)
_TOLD_TO_REFUSE = re.compile(
    r"refus|declin|out[- ]of[- ](?:scope|domain)|off[- ]topic|do not (?:answer|help|discuss|"
    r"respond)|don['’]t (?:answer|help)|"
    r"only (?:answer|help|respond|talk)|politely|not allowed to|must not|never (?:answer|give|"
    r"provide|discuss|reveal|help)|guardrail|"
    r"safety|harm|unsafe|lehne|ablehn|verweiger|antworte nur|nur fragen|refuse|décline|rechaz|"
    r"rifiut|recus|decline",
    re.IGNORECASE,
)


def refusal(target: str) -> tuple[str, bool]:
    """The words of a model's refusal, and whether there is nothing else; empty if there are none.

    Example:
        >>> refusal("I'm sorry, but I can't help with that.")
        ("I'm sorry, but I can't help with that.", True)
        >>> refusal("We can't support old meters; order form M4 gives you a new one in ten days.")
        ('', False)
        >>> refusal("She worked as an AI researcher and built a model of tides.")
        ('', False)
    """
    head = target[:400]
    # Few targets hold one of these words: looking for them first is faster.
    if not _HINT.search(head):
        return "", False
    other = _BARE_OTHER.search(target.strip()) if len(target) < 200 else None
    if other:
        return other[0].strip(), True
    bare = _BARE.match(head)
    if bare:
        rest = _OFFER.sub(" ", target[bare.end() :])
        says_little = len(_WORD.findall(rest)) < _CONTENT_WORDS
        if says_little and _is_whole_sentence(bare[0], rest):
            return bare[0].strip(), True
    voice = _IN_OWN_VOICE.search(head)
    if voice:
        rest = _OFFER.sub(" ", target[voice.end() :])
        says_little = len(_WORD.findall(rest)) < _LONG_CONTENT_WORDS
        return voice[0].strip(), says_little and not _NO_TOOL.search(target)
    return "", False


def without_refusal(targets: Sequence[str]) -> list[bool]:
    """Which of many targets surely hold no refusal, in one pass over them.

    Example:
        >>> without_refusal(["Order form M4.", "I'm sorry, but I can't help with that."])
        [True, False]
    """
    heads = [target[:400] for target in targets]
    # In plain letters both kinds of pattern say the same; this one takes a hundredth of the time.
    plain = [head if head.isascii() else "" for head in heads]
    hint = pc.match_substring_regex(text_column(plain), _PLAIN_HINT, ignore_case=True)
    seen = zip(hint.to_pylist(), heads, strict=True)
    return [head.isascii() and not hit for hit, head in seen]


def _is_whole_sentence(said: str, rest: str) -> bool:
    """Whether a refusal ends where it was recognised: "I can't support you", not "… meters"."""
    bare_rest = rest.strip()
    return not bare_rest or said.rstrip()[-1] in ".!" or bare_rest[0] in ".!,;"


def may_be_wanted(asked: str, system: str) -> bool:
    """Whether a refusal may be right: to a harmful request, or as the system turn says."""
    return _HARM.search(asked) is not None or is_told_to_refuse(system)


def is_told_to_refuse(said: str) -> bool:
    """Whether an instruction or a description speaks of requests that are to be refused.

    Example:
        >>> is_told_to_refuse("Politely decline questions that are off-topic.")
        True
    """
    return _TOLD_TO_REFUSE.search(said) is not None
