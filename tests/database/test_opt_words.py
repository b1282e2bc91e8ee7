"""This file is where it is shown which messages opt somebody out, and in again."""

import re
from pathlib import Path

from tests.database.acting import call

GUIDE = Path(__file__).parents[2] / "docs" / "operating.md"
WORDS = {
    "stop": (
        *(
            "STOP",
            " stop ",
            "Stop!",
            "s.t.o.p.",
            "«Stop»",
            "STOP 🛑",
            "ＳＴＯＰ",
            "Stop all",
            "StopAll",
        ),
        *(
            "UNSUBSCRIBE",
            "Cancel",
            "end",
            "QUIT",
            "opt-out",
            "Opt out",
            "OPTOUT",
            "ARRET",
            "Arrêt !",
        ),
        *(
            "revoke",
            "Remove",
            "STOPP",
            "¡Baja!",
            "Отписаться.",
            "стоп",
            "停止。",
            "توقف",
            "\tstop\n",
        ),
        *("Hủy", "huỷ", "HU\u0309Y", "dừng", "DU\u031b\u0300NG LẠI", "ＨＵＹ", "Huỷ đăng ký"),
        *("إيقاف", "أوقف", "ايقاف", "تـوقـف", "تَوَقَّف", "إلغاء"),
        *("退訂", "取消訂閱", "ยกเลิก", "Hentikan", "TIGIL", "itigil!", "Hinto"),
        *("İptal", "IPTAL", "ıptal", "Wypisz", "Afmelden", "AVSLUTA", "Fermare", "ΣΤΟΠ", "στόπ"),
        *("Arrêtez", "arrête !", "Stoppen", "ストップ", "중단", "Ngưng", "unsub", "Remove me"),
        *("रोकें", "중지", "配信停止", "Désabonner", "הַסֵר", "Διακοπή"),
    ),
    "start": ("START", "Start.", "unstop", "UN-STOP", "stárt", "СТАРТ", "Opt in", "Підписатися"),
    None: (
        *(
            "",
            "...",
            "🛑",
            "Please stop messaging me",
            "stop it",
            "stop please",
            "Yes",
            "the end",
            "restart",
            "help",
        ),
        *("stop" * 40, "don't stop", "1", "Start with the cake"),
        # Right; don't; hard; another word than the one that ends the messages.
        *("đúng", "Dung", "đừng", "dùng", "dur", "uit", "配信", "หยุดก่อนนะ"),
    ),
}


def test_only_a_whole_message_is_an_opt_out_word(shared_world):
    for word, texts in WORDS.items():
        for text in texts:
            [row] = call(shared_world.connection, "opt_word", p_text=text)
            assert (text, row["opt_word"]) == (text, word)


def test_every_word_of_the_list_is_written_as_it_is_compared(shared_world):
    [row] = shared_world.rows(
        "select prosrc from pg_proc where oid = 'public.opt_word(text)'::regprocedure"
    )
    words = [word for word in re.findall(r"'([^']+)'", row["prosrc"]) if word.isalpha()]
    words += ["रोकें", "बंदकरें", "หยุด"]

    assert len(words) > 60
    for word in words:
        [heard] = call(shared_world.connection, "opt_word", p_text=word.upper())
        assert (word, heard["opt_word"] is not None) == (word, word != "g")


def test_the_words_that_operators_are_told_are_the_words_that_count(shared_world):
    [told] = re.findall(r"^Who writes (.+?)^$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    before, after = told.split("is opted out")
    words = [(each, "stop") for each in re.findall(r"`([^`_]+)`", before)]
    words += [(each, "start") for each in re.findall(r"`([^`]+)`", after)]
    sentences = [(each, None) for each in re.findall(r'"([^"]+)"', told)]

    assert (len(words), len(sentences)) == (17, 1)
    for text, word in words + sentences:
        [row] = call(shared_world.connection, "opt_word", p_text=text)
        assert (text, row["opt_word"]) == (text, word)
