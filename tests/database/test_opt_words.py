"""This file is where it is shown which messages opt somebody out, and in again."""

from tests.database.acting import call

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
    ),
    "start": ("START", "Start.", "unstop", "UN-STOP"),
    None: (
        *(
            "",
            "...",
            "🛑",
            "Please stop messaging me",
            "stop it",
            "Yes",
            "the end",
            "restart",
            "help",
        ),
        *("stop" * 40, "don't stop", "1", "Start with the cake"),
    ),
}


def test_only_a_whole_message_is_an_opt_out_word(shared_world):
    for word, texts in WORDS.items():
        for text in texts:
            [row] = call(shared_world.connection, "opt_word", p_text=text)
            assert (text, row["opt_word"]) == (text, word)
