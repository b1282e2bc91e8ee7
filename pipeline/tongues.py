"""This file is where the language of a short text in Latin letters is told, when it is clear."""

import re

# Each text has some of these whatever it is about. Languages share words ("de", "no", "a"), so
# that only a clear lead counts. Tagalog is left out: it goes together with English everywhere.
COMMON = {
    "en": "the and you are is for to of it we your have what can do with on this that be i my"
    " not how was would there at from if just about any",
    "de": "der die das und ist sie ich nicht ein eine zu den mit für auf wir haben noch wie"
    " bitte kann ihr ihre es im von sind einen hier uns auch wann wenn",
    "fr": "le la les et est vous je pas un une des pour avec sur nous avez que qui dans du ce"
    " bonjour votre vos au c'est plus si encore",
    "es": "el la los las y es que de en un una por para con no su usted hola me lo mi pero"
    " está hay tiene le te si cuánto quiero del",
    "pt": "o a os as e é que de em um uma por para com não seu você olá me meu mas está tem"
    " da do na nos se vocês quanto",
    "it": "il la gli e è che di in un una per con non si mi ho vi avete ciao ma sono del"
    " della le lo anche quanto",
    "vi": "là và của có không tôi bạn cho một được này với những anh chị em ạ bao nhiêu mình",
    "tr": "ve bir bu için ne mi mı var mu ile çok ben siz değil nasıl kadar da de mü kaç daha",
}
SETS = {code: frozenset(words.split()) for code, words in COMMON.items()}
NAMES = {
    "en": "english|englisch|inglés|inglês|anglais|inglese|ingilizce",
    "de": "german|deutsch|alemán|alemão|allemand|tedesco|almanca",
    "fr": "french|französisch|francés|francês|français|francese|fransızca",
    "es": "spanish|spanisch|español|espanhol|espagnol|spagnolo|castellano|ispanyolca",
    "pt": "portuguese|portugiesisch|portugués|português|portugais|portoghese",
    "it": "italian|italienisch|italiano|italien",
    "vi": "vietnamese|vietnamesisch|tiếng việt",
    "tr": "turkish|türkisch|turco|turc|türkçe",
}
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
FEWEST_WORDS, FEWEST_HITS, LEAST_SHARE = 7, 3, 0.25


def language_of(text: str) -> str:
    """The code of the language, or nothing when the text is too short or it is not clear."""
    words = WORD.findall(text.casefold())
    if len(words) < FEWEST_WORDS:
        return ""
    hits = sorted((sum(word in known for word in words), code) for code, known in SETS.items())
    (second, _), (most, code) = hits[-2:]
    if most < FEWEST_HITS or most < LEAST_SHARE * len(words):
        return ""
    return code if most >= 2 * second + 1 else ""


def names_language(text: str, code: str) -> bool:
    """Whether somebody who wrote `text` spoke of this language, in one of the others."""
    return re.search(rf"\b(?:{NAMES[code]})", text, re.IGNORECASE) is not None
