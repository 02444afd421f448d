"""The languages a post can be said to be in, by their own names."""

from functools import lru_cache
from typing import Final

from markupsafe import Markup

LANGUAGES: Final[tuple[tuple[str, str], ...]] = (
    ("id", "Bahasa Indonesia"), ("ms", "Bahasa Melayu"), ("ca", "Català"), ("cs", "Čeština"),
    ("cy", "Cymraeg"), ("da", "Dansk"), ("de", "Deutsch"), ("et", "Eesti"), ("en", "English"),
    ("es", "Español"), ("eo", "Esperanto"), ("eu", "Euskara"), ("fr", "Français"),
    ("ga", "Gaeilge"), ("gl", "Galego"), ("hr", "Hrvatski"), ("is", "Íslenska"),
    ("it", "Italiano"), ("sw", "Kiswahili"), ("lv", "Latviešu"), ("lt", "Lietuvių"),
    ("hu", "Magyar"), ("nl", "Nederlands"), ("nb", "Norsk bokmål"), ("nn", "Norsk nynorsk"),
    ("pl", "Polski"), ("pt", "Português"), ("ro", "Română"), ("sq", "Shqip"),
    ("sk", "Slovenčina"), ("sl", "Slovenščina"), ("fi", "Suomi"), ("sv", "Svenska"),
    ("tl", "Tagalog"), ("vi", "Tiếng Việt"), ("tr", "Türkçe"), ("el", "Ελληνικά"),
    ("bg", "Български"), ("mk", "Македонски"), ("ru", "Русский"), ("sr", "Српски"),
    ("uk", "Українська"), ("ka", "ქართული"), ("hy", "Հայերեն"), ("he", "עברית"),
    ("ar", "العربية"), ("fa", "فارسی"), ("ur", "اردو"), ("hi", "हिन्दी"), ("mr", "मराठी"),
    ("bn", "বাংলা"), ("ta", "தமிழ்"), ("te", "తెలుగు"), ("th", "ไทย"), ("ko", "한국어"),
    ("ja", "日本語"), ("zh", "中文"), ("yue", "粵語"),
)  # fmt: skip

_CODES: Final = frozenset(["", *(code for code, _ in LANGUAGES)])
_OPTION: Final = Markup('<option value="{}"{}>{}</option>')


@lru_cache(maxsize=256)
def options(chosen: str) -> Markup:
    """The `<option>`s of a form's `<select>`; also of a code that is none of ours."""
    more = () if chosen in _CODES else ((chosen, chosen),)
    return Markup("\n").join(
        _OPTION.format(code, Markup(" selected") if code == chosen else "", name)
        for code, name in (("", "Not said"), *LANGUAGES, *more)
    )
