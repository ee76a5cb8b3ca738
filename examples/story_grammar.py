"""A small grammar that writes short stories in simple English: the training text of ``train_tiny_lm.py``.

A story picks a hero, a place, a wish and a friend once, and every sentence speaks of those, so that a model
has something to keep track of. ``python examples/story_grammar.py 3`` prints three of them.
"""

import random

PEOPLE = {
    "girl": ("Lily", "Mia", "Anna", "Rosa", "Emma", "Nora", "Zoe", "Ella"),
    "boy": ("Tom", "Ben", "Max", "Leo", "Sam", "Jack", "Finn", "Paul"),
}
ANIMALS = (
    "fox",
    "rabbit",
    "bear",
    "mouse",
    "owl",
    "duck",
    "hedgehog",
    "squirrel",
    "frog",
    "turtle",
    "cat",
    "dog",
)
TRAITS = ("little", "brave", "kind", "curious", "clever", "shy", "cheerful", "quiet", "friendly", "young")
# place: (where it is, what grows or lies there)
PLACES = {
    "forest": ("in the forest", ("the tall tree", "the mossy stone", "the hollow log")),
    "village": ("in a small village", ("the old well", "the stone bridge", "the baker's shop")),
    "farm": ("on a farm", ("the red barn", "the apple tree", "the wooden fence")),
    "river": ("by the river", ("the flat rock", "the old boat", "the tall reeds")),
    "hill": ("on a green hill", ("the windmill", "the bush of roses", "the pile of stones")),
    "sea": ("near the sea", ("the lighthouse", "the big shell", "the white sand")),
    "garden": ("in a garden full of flowers", ("the pond", "the garden gate", "the pear tree")),
}
THINGS = ("ball", "kite", "book", "hat", "drum", "key", "lamp", "boat", "bell", "basket", "coin", "scarf")
COLOURS = ("red", "blue", "green", "yellow", "white", "golden", "silver", "brown")
FOODS = ("bread", "honey", "apples", "berries", "soup", "cheese", "nuts", "pears")
WEATHER = (
    "The sun was shining and the sky was blue.",
    "It was a cold and windy morning.",
    "Soft rain was falling on the leaves.",
    "The snow lay deep and white on the ground.",
    "It was a warm day in summer.",
    "A light mist hung in the air.",
)
LESSONS = (
    "It is good to help others",
    "Two friends can do more than one",
    "It is brave to ask for help",
    "A kind word costs nothing",
    "Patience is stronger than anger",
    "It is best to tell the truth",
)
ENDINGS = (
    "From that day on, {hero} and {friend} were best friends.",
    "That night {hero} fell asleep with a smile.",
    "And so {hero} went home, happy and tired.",
    "Since then, {hero} and {friend} have met {where} every day.",
)


class Story:
    """The choices that all sentences of one story share."""

    def __init__(self, rng):
        self.rng = rng
        self.name, self.noun, self.pronoun, self.owner, self.object = self._person()
        self.friend_name, self.friend_noun, *_ = self._person(other_than=self.name)
        place = rng.choice(list(PLACES))
        self.where, spots = PLACES[place]
        self.spot, self.second_spot = rng.sample(spots, 2)
        self.thing, self.colour = rng.choice(THINGS), rng.choice(COLOURS)
        self.food = rng.choice(FOODS)
        self.trait, self.friend_trait = rng.sample(TRAITS, 2)

    def _person(self, other_than=None):
        kind = self.rng.choice(["girl", "boy", "animal", "animal"])
        if kind == "girl":
            found = (self.rng.choice(PEOPLE[kind]), kind, "she", "her", "her")
        elif kind == "boy":
            found = (self.rng.choice(PEOPLE[kind]), kind, "he", "his", "him")
        else:
            animal = self.rng.choice(ANIMALS)
            name = self.rng.choice(("Pip", "Momo", "Bibi", "Tiko", "Nunu", "Poppy", "Rusty", "Dot"))
            found = (name, animal, *self.rng.choice([("she", "her", "her"), ("he", "his", "him")]))
        return found if found[0] != other_than else self._person(other_than)

    def fill(self, template):
        he = self.pronoun
        return template.format(
            hero=self.name,
            friend=self.friend_name,
            noun=self.noun,
            friend_noun=self.friend_noun,
            he=he,
            He=he.capitalize(),
            his=self.owner,
            him=self.object,
            where=self.where,
            spot=self.spot,
            second_spot=self.second_spot,
            thing=self.thing,
            colour=self.colour,
            food=self.food,
            trait=self.trait,
            friend_trait=self.friend_trait,
            a_colour=_article(self.colour),
            a_noun=_article(self.noun),
            a_friend=_article(self.friend_noun),
            a_trait=_article(self.trait),
            a_friend_trait=_article(self.friend_trait),
            a_thing=_article(self.thing),
        )


def _article(word):
    return ("an " if word[0] in "aeiou" else "a ") + word


BEGINNINGS = (
    "Once upon a time there was {a_trait} {noun} named {hero}. {He} lived {where}.",
    "Once upon a time, {where}, there lived {a_trait} {noun}. The name of the {noun} was {hero}.",
    "There once was {a_trait} {noun} who lived {where}. Everyone called {him} {hero}.",
    "{hero} was {a_trait} {noun}. {He} lived {where} with {his} mother and {his} father.",
    "One day {a_trait} {noun} named {hero} went for a walk {where}.",
)
LIKES = (
    "{hero} loved to eat {food}.",
    "Every morning {hero} sat next to {spot} and listened to the birds.",
    "More than anything, {hero} liked to play with {his} {colour} {thing}.",
    "{hero} had {a_colour} {thing} and took it everywhere.",
    "{hero} wanted to see the world.",
)
# Each plot is a chain of moments; each moment offers sentences to choose from.
PLOTS = (
    (
        (
            "One day {hero} could not find {his} {colour} {thing}.",
            "But one morning the {colour} {thing} was gone.",
        ),
        (
            "{He} looked under {spot}, but it was not there.",
            "{He} looked behind {spot} and found only leaves.",
        ),
        ("{hero} was very sad and began to cry.", "{hero} did not know what to do."),
        (
            "Then {a_friend_trait} {friend_noun} named {friend} came by.",
            "Just then {he} met {friend}, {a_friend_trait} {friend_noun}.",
        ),
        ('"Why are you sad?" asked {friend}. "I have lost my {thing}," said {hero}.',),
        (
            '"I will help you," said {friend}. "Let us look together."',
            '"Do not cry," said {friend}. "Two can see more than one."',
        ),
        (
            "They looked and looked, and at last they found the {thing} near {second_spot}.",
            "Together they went to {second_spot}, and there was the {colour} {thing}!",
        ),
        ('"Thank you!" said {hero}. {He} was very happy.', "{hero} laughed and danced with joy."),
    ),
    (
        (
            "One day {hero} found {a_colour} {thing} near {spot}.",
            "One morning {he} saw {a_colour} {thing} lying next to {spot}.",
        ),
        ('"Whose {thing} is this?" {he} asked.', "{He} had never seen such a beautiful {thing}."),
        (
            "{hero} wanted to keep it, but {he} knew that someone would miss it.",
            "{He} thought about it for a long time.",
        ),
        ("So {he} went to ask {friend}, {a_friend_trait} {friend_noun} who lived near {second_spot}.",),
        (
            '"Is this your {thing}?" asked {hero}. "Yes!" said {friend}. "I was looking for it all day."',
            '"That is my {thing}!" said {friend}. "My grandmother gave it to me."',
        ),
        (
            "{friend} was so glad that {hero} got some {food}.",
            "To say thank you, {friend} shared some {food} with {hero}.",
        ),
    ),
    (
        (
            "One day a big storm came.",
            "One night the wind began to blow very hard.",
            "One evening the sky turned dark.",
        ),
        (
            "{hero} was afraid and hid behind {spot}.",
            "{hero} ran as fast as {he} could and hid under {spot}.",
        ),
        (
            "There {he} heard a small voice. It was {friend}, {a_friend_trait} {friend_noun}.",
            "Someone was already there. It was {a_friend_trait} {friend_noun} named {friend}.",
        ),
        ('"I am afraid of the storm," said {friend}.', '"I cannot find my way home," said {friend}.'),
        (
            '"Then we can wait together," said {hero}. {He} took out some {food}, and they ate it.',
            "{hero} gave {friend} some {food} and told a funny story.",
        ),
        (
            "When they had eaten, the storm was over and the stars came out.",
            "Soon the wind grew quiet and the moon came out.",
        ),
        ("{hero} showed {friend} the way home.", "Hand in hand they walked home."),
    ),
    (
        (
            "One day {hero} wanted to bake a cake for {his} mother.",
            "It was the birthday of {his} mother, and {hero} wanted to cook for her.",
        ),
        (
            "But there was nothing left in the house, only some {food}.",
            "But the kitchen was empty, and the shop was closed.",
        ),
        ("So {he} took a basket and went to {spot}.", "{He} walked all the way to {spot} to look for more."),
        (
            "There {he} met {friend}, {a_friend_trait} {friend_noun}.",
            "Near {second_spot} {he} met {a_friend_trait} {friend_noun} named {friend}.",
        ),
        ('"What are you looking for?" asked {friend}. "Something good to eat," said {hero}.',),
        (
            '"Come with me," said {friend}. "I have more than I need."',
            '"I can give you some of mine," said {friend}, "if you help me carry it."',
        ),
        (
            "They worked until the basket was full.",
            "In the evening they all ate together, and it tasted wonderful.",
        ),
    ),
    (
        ("One day {hero} wanted to climb {spot}.", "{hero} wished to see what was behind {spot}."),
        (
            '"It is too high," said {friend}, {a_friend_trait} {friend_noun}.',
            '"You are too small," said {friend}, {a_friend_trait} {friend_noun}.',
        ),
        ("{hero} tried once, and {he} fell down.", "{hero} tried and tried, but it was too hard."),
        ("{He} did not give up. The next day {he} tried again.", "{He} sat down and thought of a plan."),
        (
            '"Let me help you," said {friend} at last.',
            "When {friend} saw that, the {friend_noun} came to help.",
        ),
        (
            "Together they did it! From up there they could see the whole world.",
            "And this time it worked. They could see as far as the sea.",
        ),
    ),
)


def write_story(rng):
    """One story of about 60 to 120 words. The same state of ``rng`` gives the same story."""
    story = Story(rng)
    parts = [rng.choice(BEGINNINGS)]
    if rng.random() < 0.4:
        parts.append(rng.choice(WEATHER))
    if rng.random() < 0.6:
        parts.append(rng.choice(LIKES))
    parts += [rng.choice(moment) for moment in rng.choice(PLOTS)]
    parts.append(rng.choice(ENDINGS))
    if rng.random() < 0.5:
        parts.append(f"{rng.choice(LESSONS)}.")
    return " ".join(story.fill(part) for part in parts)


def write_stories(count, seed=0):
    """``count`` stories as a list of strings."""
    rng = random.Random(seed)
    return [write_story(rng) for _ in range(count)]


if __name__ == "__main__":
    import sys

    print("\n\n".join(write_stories(int(sys.argv[1]) if len(sys.argv) > 1 else 2, seed=None)))
