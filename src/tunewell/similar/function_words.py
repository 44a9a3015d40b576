"""Words that join others and name nothing: an edit changes them, another fact does not."""

from __future__ import annotations

_BY_LANGUAGE = {
    "en": (
        "the a an this that these those some any each of to in on at for from by with into onto "
        "upon about as than then so and or but if while because "
        "i you he she it we they me him her us them my your his its our their mine yours there "
        "here be am is are was were been being do does did done have has had having will would "
        "shall should can could s t d ll m ve re get got just also too very really please"
    ),
    "de": (
        "der die das den dem des ein eine einen einem einer eines dieser diese dieses diesen in im "
        "an am auf aus bei beim mit von vom zu zum zur für über um durch als so und oder aber "
        "wenn weil dass ob ich du er sie es wir ihr mich dich sich uns euch mein meine dein deine "
        "sein seine ihre unser unsere ist sind war waren bin bist hat haben habe hatte wird werden "
        "kann können soll sollen da hier dort auch nur noch schon bitte"
    ),
    "fr": (
        "le la les l un une des du de d à au aux en dans sur par pour avec chez et ou mais si que "
        "qu je j tu il elle on nous vous ils elles me te se mon ma mes ton ta tes son "
        "sa ses notre nos votre vos leur leurs ce cet cette ces est sont était a ai as ont avait "
        "être avoir y c n s"
    ),
    "es": (
        "el la los las un una unos unas de del a al en con por para y e o u pero si que yo "
        "tú él ella nosotros ustedes ellos me te se nos le les lo mi mis tu tus su sus este esta "
        "estos estas ese esa es son era ha han he hay ser estar está están"
    ),
    "it": (
        "il lo la i gli le un uno una di del dello della dei degli delle a al allo alla in nel "
        "nella con su sul sulla per da dal e o ma se che io tu lui lei noi voi loro mi ti si "
        "ci vi mio mia tuo tua suo sua questo questa è sono era ha hanno ho"
    ),
    "pt": (
        "o a os as um uma de do da dos das em no na nos nas com por para e ou mas se que eu "
        "você ele ela nós eles me te meu minha seu sua este esta é são era tem têm foi"
    ),
    "nl": (
        "de het een van in op aan bij met voor uit naar te om door en of maar als dat die ik "
        "jij je u hij zij ze wij we mij jou hem haar ons mijn jouw zijn is was heeft hebben had er "
        "hier daar ook nog wel"
    ),
}

FUNCTION_WORDS = frozenset(" ".join(_BY_LANGUAGE.values()).split())
"""Articles, prepositions, pronouns, auxiliaries and conjunctions; no negation, no question word."""
