#!/usr/bin/env python3
"""Writes the corpus of the built-in model: children's stories and short chats from a grammar of our own.

    builtin_corpus.py [--stories N] [--tales N] [--chats N] [--echoes N] [--seed S] OUT.jsonl

One JSON object a line: {"kind": "story" | "tale" | "chat" | "echo", "split": "train" | "held", "text": ...}. Chats are rendered with
the control tokens <|user|> <|assistant|> <|end|>; every text ends with <|end|>. No text occurs twice. Held out is what
hashes so (md5 of the text, 1 in 50), so the split does not depend on the order. Python's standard library only; the
same seed gives the same bytes.

How the grammar is written: [a|b|c] is a choice and may nest; {name} is a slot of the story's cast; "a@ " becomes
"a " or "an "; a sentence's first letter is made large. A plot is a body of a story, with the ways to ask for it.
"""
import argparse
import hashlib
import json
import random
import re

# ---- the cast ---------------------------------------------------------------------------------------------------

NAMES_HE = """Tom Ben Max Leo Sam Finn Oliver Jack Theo Hugo Oscar Milo Felix Toby Rufus Bruno Otto Pip Rusty Wilbur Teddy Ned Gus
Archie""".split()
NAMES_SHE = """Lily Mia Anna Rosie Ella Ruby Luna Clara Molly Daisy Poppy Hazel Ivy Nora Alice Emma Zoe Lucy Maya Willow Olive Penny Tilly
Mabel""".split()

KINDS = {  # kind: where such a one lives
    "forest": "fox rabbit bear squirrel hedgehog owl deer mouse badger wolf mole otter raccoon beaver frog snail bat",
    "farm": "pig cow goat lamb duck horse pony donkey goose cat dog puppy kitten hen:she rooster:he turkey calf",
    "wild": "lion tiger elephant monkey giraffe zebra hippo crocodile camel panda koala kangaroo parrot cheetah",
    "sea": "turtle crab seal penguin pelican lighthouse*keeper sailor pirate",
    "magic": "dragon robot unicorn giant wizard:he witch:she fairy elf knight troll gnome monster ghost",
    "castle": "princess:she prince:he king:he queen:she",
    "town": "boy:he girl:she baker farmer painter gardener clockmaker shepherd tailor miller child toymaker",
}
KINDS = {k: [w.replace("*", " ") for w in v.split()] for k, v in KINDS.items()}
ALL_KINDS = [(c, k) for c, v in KINDS.items() for k in v]
CHILDREN = [("town", "boy:he"), ("town", "girl:she"), ("town", "child")]

HOMES = {
    "forest": "[in a hollow oak tree|in a cozy den under the roots of a beech tree|in a mossy burrow|in a small house of sticks] "
              "[at the edge of the forest|in the middle of the green forest|beside a forest stream|near a quiet pond]",
    "farm": "[on a farm|in a warm barn|in an old stable|behind a red barn|in a yard full of straw] "
            "[at the end of a long road|near a field of wheat|beside an apple orchard|between two green hills|by the old mill]",
    "wild": "[under a wide tree|beside a slow river|near a water hole|in a shady valley|at the foot of a mountain] "
            "[in a sunny land far away|where the grass was tall|where the sun was hot|at the edge of the jungle]",
    "sea": "[in a little house|in a cave|in a hut] [by the sea|on a sandy beach|on a small island|near the old lighthouse|on a rocky shore]",
    "magic": "[in a cave|in a crooked house|in a stone tower|in a tiny cottage] "
             "[on top of a high hill|at the end of a foggy valley|behind a waterfall|deep in the whispering woods|near a silver lake]",
    "castle": "[in a castle|in a palace|in a tall tower] [on a green hill|by a blue lake|with a hundred windows|near the mountains]",
    "town": "[in a village|in a small town|in a little house|in a narrow house with a red door] "
            "[near the forest|by the river|at the foot of a mountain|not far from the sea|at the end of a winding lane]",
}
PLACES = {  # a place that a listener may ask for: the home it gives
    "the forest": ("forest", "in a hollow tree in the forest"), "a farm": ("farm", "in a red barn on a farm"),
    "the sea": ("sea", "in a little house by the sea"), "an island": ("sea", "in a hut on a small island"),
    "a castle": ("castle", "in a castle on a green hill"), "the jungle": ("wild", "under a wide tree in the jungle"),
    "a village": ("town", "in a small village by the river"), "the mountains": ("magic", "in a cave high in the mountains"),
    "a lighthouse": ("sea", "in an old lighthouse by the sea"), "a big city": ("town", "in a tall house in a big city"),
    "a garden": ("forest", "in a sunny garden behind a stone wall"), "the desert": ("wild", "in the desert, near a pool of cool water"),
}
HABITS = """loved to [climb trees|watch the clouds|collect smooth stones|hum little songs|tell jokes|draw pictures in the sand|count the stars|pick berries|jump in puddles|listen to the birds|look at the moon]
liked [warm bread|honey cakes|apple pie|sweet berries|hot soup|pancakes|ripe pears|nut cookies] [more than anything else|best of all|very much]
had a [red scarf|blue hat|green coat|yellow umbrella|small drum|round basket|silver bell|patchwork blanket|striped scarf] that {he} took everywhere
was [known for {his} loud laugh|always ready to help|up before the sun every day|never in a hurry|always full of questions|a good listener]
swept the [steps|floor|path] every morning and [watered the flowers|fed the birds|made tea|opened all the windows] after that""".split("\n")
ADJ = "little small young cheerful gentle clever quiet friendly merry kind bright fluffy plump tiny lively sweet".split()
MENTORS = ["his grandmother:she", "his grandfather:he", "his mother:she", "his father:he", "his aunt:she", "his uncle:he",
           "the wise old owl:she", "the old turtle:he", "the old gardener:he", "the old teacher:she", "the gray donkey:he",
           "the old miller:he", "the kind baker:she"]
FOODS = "berries apples nuts pancakes honey cookies pears soup bread carrots plums cheese".split()
COLORS = "red blue green yellow white silver golden purple orange pink".split()
WEATHER = "[sunny|warm|bright|cool|windy|clear|misty|golden]"
TIME = "[one|one|one %s] [morning|afternoon|day|evening]" % WEATHER

# ---- plots: fears, wishes, traits, events ---------------------------------------------------------------------------

PLOTS = []  # (key, ways to ask "a dragon WHO ...", ways to ask "a story about ...", moods, body, goes on in the first paragraph)


def plot(key, who, about, body, moods=""):
    PLOTS.append((key, [w.strip() for w in who.split("|") if w.strip()], [a.strip() for a in about.split("|") if a.strip()],
                  moods.split(), re.sub(r"\s*\n\s*\n\s*", "\n\n", re.sub(r"(?<!\n)\n(?!\n)\s*", " ", body.strip())), not about or key.startswith(("fear", "wish"))))


FEAR_START = """[But {he} had one secret: {he} was afraid of %(f)s.|There was only one problem. {N} was afraid of %(f)s.|Still, one thing made {him} shiver: {he} was very much afraid of %(f)s.] %(signs)s

"""
FEAR_STEP = """%(event)s {N} [stood still|trembled|swallowed hard|felt {his} heart beat fast]. "I am so [scared|afraid]," {he} [whispered|said softly|said in a small voice].

%(help)s

"""
FEAR_END = """%(after)s [From that day on|After that|Since then], {N} was not afraid of %(f)s [any more|anymore|any longer]. [{He} had learned that being brave means to be scared and to try anyway.|"Being brave is easier with a friend," {he} liked to say.|And when others were afraid, {he} took them by the hand and helped them.]"""


def fear(f, signs, event, help_, after):
    d = dict(f=f, signs=signs, event=event, help=help_, after=after)
    w = "is afraid of %s|was afraid of %s|is scared of %s|fears %s" % (f, f, f, f)
    plot("fear of " + f, w, "being afraid of %s|someone who is afraid of %s" % (f, f), (FEAR_START + FEAR_STEP + FEAR_END) % d,
         "bedtime" if f in ("the dark", "monsters under the bed") else "")


fear("the dark", "[Every night {he} left a candle burning beside the bed.|When the sun went down, {he} hid under the blanket.|{He} never went out after sunset.]",
     "One [night|evening], the wind blew out the [candle|lamp|light], and everything was dark.",
     """{F} the {FK} [came in|knocked at the door|heard {him}]. "[Come outside with me|Take my hand], and I will show you something," {fhe} said. They [walked|went] out together, [slowly|step by step]. {N} looked up. The sky was full of [bright|shining|tiny silver] stars, and [fireflies danced over the grass|the moon smiled down on them|a soft light lay on the hills]. "[Without the dark|If it were never dark], we could not see the stars," said {F}.""",
     "{N} [smiled|laughed]. The dark was not [empty|bad] at all. It was [soft and quiet|full of small lights|like a big warm blanket].")
fear("thunder", "[When a storm came, {he} crawled under the table.|As soon as the sky turned gray, {he} put {his} hands over {his} ears.|Every rumble made {him} jump.]",
     "One [evening|afternoon], black clouds came over the hills, and the thunder went boom.",
     """{M} sat down beside {him}. "[Let us count together|Let us play a game]," {mhe} said. "When you see the flash, count until you hear the boom. [The more you count, the farther away the storm is.|If the number grows, the storm is going away.]" The lightning flashed. {N} counted, "One, two, three." Boom! The next time {he} counted to five, and then to nine. "It is going away!" {N} cried.""",
     "Soon the storm was [only a mumble behind the hills|gone], and a rainbow [stood over the fields|shone in the sky].")
fear("deep water", "[When {his} friends swam in the lake, {he} only sat on the shore.|{He} would not even put a toe in the pond.|{He} walked a long way around every lake.]",
     "One hot day, {F} the {FK} wanted to swim to the other side of the [lake|pond].",
     """"We can start where it is [shallow|low]," said {F} [kindly|gently]. "First only our feet." So they stood in the water until it was [no longer cold|fun]. The next day they went in up to their knees, and the day after that up to their bellies. {F} showed {him} how to [float like a leaf|kick and breathe]. "[Look, the water is holding you|You are doing it]!" {fhe} called.""",
     "At the end of the week, {N} swam across the [lake|pond], and {F} swam right beside {him}.")
fear("heights", "[{He} never climbed a ladder.|Even on a small hill {his} knees began to shake.|When the others climbed trees, {he} stayed on the ground.]",
     "One day, a kitten climbed to the top of a tall tree and could not get down.",
     """The kitten cried, and nobody else was near. "[Look only at the next branch|Take one small step at a time]," {N} told {himself}. [{He} climbed up one branch, then another.|Slowly, branch by branch, {he} climbed.] {He} did not look down. At last {he} reached the kitten and [put it in {his} basket|held it close]. "I have you," {he} said. Then they went down, one branch after the other, [just as slowly|very carefully].""",
     "On the ground {F} the {FK} cheered. {N} looked up at the tree and could not believe how high {he} had been.")
fear("spiders", "[When {he} saw a web, {he} ran the other way.|{He} looked behind every curtain before {he} went to sleep.|Even a very small spider made {him} scream.]",
     "One morning, a gray spider sat in a web right above the door.",
     """"Please do not be afraid," said the spider. "I am only weaving. My name is Silka, and I catch the flies that [bother you at night|want to eat your cake]." {N} came [a little|one step] closer. The web was [full of dew and sparkled in the sun|as fine as lace]. "It is [beautiful|wonderful]," {N} said [in surprise|quietly]. "Would you like one, too?" asked Silka, and she wove a tiny [star|flower|crown] of silk for {him}.""",
     "Now a spider lives above {his} door, and {he} says good morning to her every day.")
fear("loud noises", "[The bells of the village made {him} jump.|When a door slammed, {he} hid behind the stove.|{He} kept wool in {his} ears all day.]",
     "One day, the whole village got ready for the great summer feast, and everyone had a drum.",
     """{F} the {FK} came with a small drum. "Hit it [once, very softly|with one finger]," {fhe} said. {N} did. It went tap. "Now a little louder." It went tum. "[You make the noise now, so it cannot surprise you|Now you are the master of the noise]," said {F}. {N} hit the drum again and again. It went boom, and {he} [began to laugh|did not jump at all].""",
     "At the feast {N} marched in front of everyone and played the biggest drum of all.")
fear("being alone", "[{He} followed {his} friends everywhere.|When the house was empty, {he} felt cold inside.|{He} could not fall asleep when nobody was near.]",
     "One day, all {his} friends went to the market, and {N} had to stay at home.",
     """At first {he} [sat at the window and sighed|walked up and down]. Then {he} [took out {his} paints|found an old box of buttons|began to bake a cake]. {He} worked and hummed, and {he} forgot the time. A bird sat down on the windowsill and [sang|listened]. "I am not alone at all," {N} thought. "I have [my songs and my thoughts|myself, and I am good company]." When the door opened, {he} was [surprised|astonished]. {F} the {FK} was back already!""",
     "{N} showed {his} friends what {he} had made, and they all had cake together.")
fear("meeting someone new", "[When guests came, {he} hid behind the door.|{He} never knew what to say to a stranger.|{He} always crossed the road when someone came.]",
     "One morning, a new {FK} moved into the house next door.",
     """{M} gave {him} a [warm pie|basket of {food}|jar of honey]. "Just bring this and say your name," {mhe} said. "[That is enough for a start|The rest will come by itself]." {N} walked to the door and knocked. A [shy|small] {FK} looked out. "I... I am {N}," {he} said. "And I am your new neighbor," said the {FK}. "I was so afraid that nobody would come." [They looked at each other and laughed.|Then both of them had to laugh.]""",
     "They shared the gift, and before the evening came they were good friends.")
fear("the wind", "[When the wind howled, {he} closed all the windows.|{He} thought that the wind would carry {him} away.|On stormy days {he} did not leave the house.]",
     "One day, the wind pulled the hat from {his} head.",
     """"The wind only wants to play," said {M}. {Mhe} took paper, two sticks, and a long string, and together they made a {color} kite. They carried it up the hill. The wind took the kite and lifted it [high above the trees|up to the clouds]. {N} held the string with both hands. The kite [danced|jumped|swam] in the sky like a fish in the water. "It is [pulling|playing with me]!" {he} shouted [happily|with joy].""",
     "When evening came, {N} waved to the wind and said thank you.")
fear("getting lost", "[{He} never went farther than the garden gate.|{He} knew only one road and always took that one.|On every walk {he} looked back a hundred times.]",
     "One day, {he} followed a butterfly, and suddenly nothing looked [familiar|as it should].",
     """Then {he} remembered the words of {M}: "If you are lost, stay calm and listen." So {N} sat down on a stone and listened. Far away {he} heard the [bells of the village|water of the stream|mill wheel]. "[The stream runs past my home|That sound comes from home]," {he} thought. {He} followed the sound, [step by step|past the tall trees], and tied a bit of {color} wool to every [tenth tree|bush] so that {he} would not walk in a circle.""",
     "Before the sun went down, {he} saw the light in {his} own window.")
fear("bees", "[When something buzzed, {he} ran into the house.|{He} never went near the flowers.|{He} would rather stay inside all summer.]",
     "One day, a bee fell into a cup of water and could not get out.",
     """{N} wanted to run away, but the bee was so [small and wet|tired]. {He} took a leaf and held it into the cup, and the bee climbed onto it. It sat in the sun and dried its wings. "Thank you," it buzzed. "We bees sting only when we are [afraid ourselves|in danger]. [We would rather make honey.|Most of the time we only look for flowers.]" "So you are afraid sometimes, too," said {N}, and {he} felt [much better|less afraid].""",
     "The next morning a small pot of honey stood in front of {his} door.")
fear("monsters under the bed", "[Every night {he} jumped into bed from the door.|{He} could not sleep, for something might be down there.|At night {he} looked under the bed ten times.]",
     "One night, something under the bed went scratch, scratch, scratch.",
     """{N} took {his} lamp, [counted to three|took a deep breath], and looked. Two round eyes looked back. "Please do not hurt me," said a tiny voice. It was only a mouse, [gray and thin|with a very small blanket]! "I came in because it is cold outside," it said. "Oh, {N}, you looked so big that I was afraid of you." {N} had to laugh. {He} gave the mouse [a piece of cheese|some crumbs] and an old sock for a bed.""",
     "Now, when something goes scratch in the night, {N} only says, \"Good night, little mouse,\" and sleeps.")

WISH_START = """[But {he} had one great wish: {he} wanted to %(w)s.|Most of all, {N} wanted to %(w)s.|Day and night {N} dreamed of one thing: {he} wanted to %(w)s.] %(why)s

"""
WISH_END = """%(after)s ["Wishes need [time|patience] and friends," said {F}, and {N} nodded.|{N} had never been so happy.|It had taken a long time, but {his} wish had come true.|That night {N} was too happy to sleep.]"""


def wish(w, why, fail, lesson, after, extra=""):
    d = dict(w=w, why=why, after=after)
    who = "wants to %s|wanted to %s|dreams of one day being able to %s|wishes to %s" % (w, w, w, w)
    plot("wish to " + w, who + extra, "someone who wants to %s" % w, WISH_START % d + fail + "\n\n" + lesson + "\n\n" + WISH_END % d)


wish("fly", "[{He} watched the swallows every evening.|\"Up there everything must look so small,\" {he} said.]",
     "First {he} tied [leaves|feathers|two big fans] to {his} arms and jumped from [a haystack|a low wall|a stump]. [Bump! {He} landed in the mud.|Plop! {He} landed in a bush.] \"That was not flying,\" {he} said. \"That was falling.\"",
     "{F} the {FK} did not laugh. \"[Let us build something|We need something bigger]!\" {fhe} said. For [three|seven|ten] days they sewed old sheets together and wove a big basket. They made a fire, and warm air filled the cloth until it was as round as [a pumpkin|the moon]. The balloon pulled at its rope. They climbed in, and {F} untied the knot.",
     "[Slowly|Softly] the balloon rose over the roofs and the trees. \"I am flying!\" {N} shouted, and the swallows flew beside {him}.")
wish("swim", "[{He} saw the ducks glide over the pond, and {he} sighed.|\"The fish make it look so easy,\" {he} said.]",
     "One warm morning {he} ran to the water and jumped in. {He} splashed and kicked and swallowed [half the pond|a lot of water]. Wet and sad, {he} crawled back to the shore. \"I sink like a stone,\" said {N}.",
     "{F} the {FK} had seen it. \"You [fight with|hit] the water,\" {fhe} said. \"Be its friend. Lie on your back, breathe, and be as soft as a leaf.\" {N} tried it, and the water carried {him}. The next day {he} learned to kick, and the day after that to pull with {his} arms. {He} practiced [every morning|all week|every day], even when it rained.",
     "At the end of the summer, {N} swam from one shore to the other, and the ducks made room for {him}.")
wish("sing", "[But when {he} opened {his} mouth, only a croak came out.|\"The birds have such lovely songs,\" {he} said.]",
     "One evening {he} sang in front of everybody. It sounded like [a rusty gate|an old door], and somebody giggled. {N} ran away and hid [behind the barn|under a bush|in the tall grass]. \"I will never sing again,\" {he} said.",
     "{F} the {FK} found {him} there. \"You sang with your throat,\" said {F}. \"Sing with your heart. Think of something you love.\" {N} thought of [home|summer rain|warm bread|the moon] and hummed, first softly, then louder. {F} hummed along. Every evening they met and practiced one small song, note by note.",
     "At the harvest feast {N} sang it for everyone. It was so quiet that you could hear the leaves fall, and then they all clapped.")
wish("dance", "[But {his} feet never did what {he} wanted.|When music played, {his} toes began to tickle.]",
     "At the spring feast {he} tried to turn in a circle. {He} tripped over {his} own feet and fell into the [cake|soup|flowers]. Everybody laughed, and {N} turned red. \"I have two left feet,\" {he} said.",
     "{F} the {FK} sat down next to {him}. \"I fell many times before I could do it,\" {fhe} said. \"Listen to the drum first, and move only one foot.\" They went to the meadow, where nobody could see them. One foot, other foot, turn. One foot, other foot, turn. They practiced until the stars came out, and the next day they practiced again.",
     "When the music played in the fall, {N} took the hand of {F}, and they danced until their shoes had holes.")
wish("paint", "[{He} saw colors everywhere, in the sky and in the puddles.|But {he} had no paint and no brush.]",
     "{He} asked the painter in the town for some paint, but the painter was in a bad mood. \"Paint is not for [little ones|beginners],\" he said, and he closed the door. {N} walked home with {his} head down.",
     "\"Paint grows everywhere,\" said {F} the {FK}. \"You only have to look.\" They picked [blackberries|cherries] for red and purple, grass for green, and yellow flowers for the sun. They stirred it all with water in small cups and made a brush from soft hair and a stick. Then {N} painted the whole wall of the old barn: hills, birds, and a sky with a hundred clouds.",
     "Everyone came to see it. Even the painter stood there for a long time and took off his hat.")
wish("read", "[Books looked to {him} like a field full of ants.|\"There are whole worlds in those pages,\" {he} thought.]",
     "One day a letter came. {N} turned it around and upside down, but {he} could not read a single word. \"It could be something important,\" {he} said [sadly|with a sigh].",
     "{M} put on {mhis} glasses. \"I could read it to you,\" {mhe} said, \"but I would rather show you how to do it.\" They began with the first letter, and every evening they learned a new one. {N} wrote them in the sand, in the flour, and on the foggy window. Soon the letters became words, and the words began to speak.",
     "At last {he} opened the letter and read it out loud: \"Dear {N}, please come to my birthday party. Your friend, {F}.\" And {he} was just in time!")
wish("bake a cake", "[It should be a big one, with {food} on top.|But {he} had never baked anything before.]",
     "{He} put flour, eggs, and milk into a bowl. But {he} took salt instead of sugar, and {he} left the cake in the oven for too long. It came out black and hard. \"Even the birds will not eat it,\" said {N}.",
     "{F} the {FK} tasted a crumb and made a funny face. \"The first cake is for learning,\" {fhe} said. \"The second one is for eating.\" So they started again. They tasted before they poured, they stirred a hundred times, and they sat in front of the oven and watched. A sweet smell went through the whole house.",
     "The cake was soft and golden. They invited everyone they knew, and not one crumb was left.")
wish("see the sea", "[{He} had heard that it was bigger than all the fields together.|A gull had told {him} about the waves.]",
     "So {he} packed some bread and a blanket and went off. After one day {his} feet hurt. After two days the bread was gone, and rain fell on {his} nose. \"Perhaps the sea is only a story,\" {he} thought.",
     "Then {he} met {F} the {FK}, who was sitting by a stream. \"Where does this water go?\" asked {N}. \"To the sea, of course,\" said {F}. \"All the streams go there. Let us follow it.\" They shared some {food} and walked along the water. The stream became a river, and the river became wide and slow. The air smelled of salt.",
     "They climbed the last hill, and there it was: blue, bright, and without an end. {N} ran down and let the waves tickle {his} feet.")
wish("touch the moon", "[It hung so near above the hill, round and white.|\"It looks like a big cheese,\" {he} said.]",
     "{He} climbed the hill, but the moon was not there. {He} climbed the tallest tree, but the moon was still far away. {He} built a ladder out of [chairs|boxes|branches], but it wobbled, and {he} fell into a heap of hay.",
     "{F} the {FK} helped {him} up. \"Perhaps we have to wait for it to come to us,\" said {F}. {Fhe} led {him} down to the still lake. There was the moon, shining in the middle of the water, so near that {N} held {his} breath. {He} reached out with one finger and touched it. The moon trembled and broke into a thousand pieces of silver, and then it was round again.",
     "\"It is cold and wet,\" {N} whispered, \"and it [tickles|laughs].\"")
wish("find a friend", "[{He} played alone and ate alone.|\"It is no fun to laugh alone,\" {he} said.]",
     "{He} asked the cat, but the cat was sleeping. {He} asked the crow, but the crow flew off. {He} asked the brook, but it was in a hurry. {N} sat down on a log and sighed, and a tear ran down {his} nose.",
     "Then {he} heard somebody else sigh. Behind the log sat a {FK} with a broken cart. \"The wheel came off,\" said the {FK}, \"and I cannot fix it alone.\" {N} dried {his} tears and held the cart, and the {FK} put the wheel back on. \"I have {food} in my cart,\" said the {FK}. \"Do you want some?\" They ate and talked until the sun was low.",
     "From then on they met at the log every day.", "|is lonely|has no friends|is looking for a friend|feels lonely")
wish("win a race", "[But {he} had the shortest legs of all.|Every year {he} had come in last.]",
     "In the morning of the great race {he} ran as fast as {he} could. The others were soon far ahead. \"Slow as always!\" one of them shouted. {N} bit {his} lip and went on.",
     "Every runner wanted to be first, and so nobody watched the path. One stopped to rest, one took the wrong turn, and one fell asleep under a tree. Near the river {F} the {FK} sat with a hurt foot. {N} stopped. \"Lean on me,\" {he} said. \"But then you will lose,\" said {F}. \"Then we will lose together,\" said {N}. Step by step they walked to the end.",
     "They were the first ones there! Everybody cheered, and they shared the prize, a basket full of {food}.")
wish("be tall", "[{He} could not reach the cookie jar or see over the fence.|\"Being small is no fun,\" {he} said.]",
     "{He} stretched every morning, {he} stood in the rain like a flower, and {he} ate three bowls of soup. But the mark on the door stayed where it was. \"I will be small forever,\" said {N}.",
     "One day there was a shout at the well. {F} the {FK} had dropped the key of the house into a narrow hole. The big ones tried, but their arms were too thick. \"Let me through,\" said {N}. {He} slipped into the hole, down, down, and there lay the key. \"I have it!\" {he} called, and they pulled {him} up with a rope. \"Only you could do that,\" said {F}.",
     "{N} looked at {his} small hands. They were just the right size.", "|is very small|is too small|wants to be big")
wish("catch a star", "[One star was brighter than all the others.|\"It would look so nice on my windowsill,\" {he} said.]",
     "{He} took a net and jumped as high as {he} could. {He} threw a rope into the sky, but it fell on {his} head. {He} called to the star, but it only twinkled.",
     "On the way home {he} saw a tiny light in the grass. It was a firefly, and it was caught in a web. \"Are you a star?\" asked {N}. \"No, but I can shine,\" said the firefly. {N} freed it with careful fingers. {F} the {FK} came along and said, \"If you put it in a jar, it will stop shining.\" So {N} opened {his} hands and let it go.",
     "That night a hundred fireflies came to {his} window and danced. It was like a whole sky of stars.")
wish("play the drum", "[{He} tapped on tables, pots, and knees.|\"I hear music everywhere,\" {he} said.]",
     "{He} played on the pots, and the cook was angry. {He} played on the door, and the neighbors were angry. \"Too loud!\" they all shouted. {N} put the sticks away and was sad.",
     "Then one night thick fog came in from the hills, and {F} the {FK} had not come home. They shouted, but the fog swallowed every word. {N} took the biggest pot and began to play: boom, boom, boom. {He} played for an hour without a stop. And out of the fog, step by step, came {F}. \"I heard you,\" said {F}. \"I followed the drum all the way.\"",
     "The neighbors built {him} a real drum, and on every foggy night {he} was allowed to play as loud as {he} could.", "|loves music|wants to make music")
wish("grow a flower", "[{His} yard was gray and bare.|\"One flower would be enough,\" {he} said.]",
     "{N} put a seed into the ground and watered it. The next morning nothing was there. {He} dug it up to see whether it was growing, and {he} put it back, and {he} dug it up again. Nothing happened. \"It is a bad seed,\" {he} said.",
     "\"You wake it up all the time,\" said {F} the {FK}. \"A seed needs to sleep before it can grow. Give it water and sun and leave it alone.\" It was hard to wait. {N} sang to it, drew pictures of it, and counted the days. On the twentieth day a green tip looked out of the ground, as thin as a needle.",
     "In summer a {color} flower stood in the yard, taller than {N}, and the bees came from far away.", "|plants a seed|has a garden")
wish("make somebody laugh", "[{F} the {FK} had not laughed for a long time.|\"A day without a laugh is a gray day,\" {he} said.]",
     "{N} put a [pot|pumpkin|basket] on {his} head and walked backward, but {F} only yawned. {He} told a joke, but {he} forgot the end. {He} stood on {his} head and sang, but {F} looked out of the window.",
     "\"Well, I will make you a cup of tea,\" said {N}. {He} turned around, stepped on {his} own scarf, and fell over the cat. The cat jumped on the shelf, the shelf came down, and the flour fell on {N}. {He} sat there as white as a snowman, with a spoon in {his} ear. \"Sugar?\" {he} asked. It was quiet for a moment.",
     "Then {F} began to laugh and laughed until the windows shook, and {N} laughed too.")

TRAIT_END = """

%s ["I am glad that I learned that," said {N}.|And {F} smiled at {him}.|After that, everything was easier.|{N} never forgot that day.|It was a good day after all.]"""


def trait(key, who, body, end, moods=""):
    plot(key, who, "", body + TRAIT_END % end, moods)


trait("shy", "is shy|is very shy|is too shy to speak|hardly ever speaks", """But {N} was very shy. When someone spoke to {him}, {he} looked at {his} feet and said nothing. At school {he} knew all the answers, but {he} never [raised {his} hand|said them].

One day, {F} the {FK} told everyone about {his2} plan: they would cross the old bridge to pick {food}. {N} had seen that the bridge was broken in the middle. {His} heart beat fast. {He} opened {his} mouth, and no sound came. The others were already walking.

"Stop!" {N} shouted, louder than ever before. Everyone turned around. "[The bridge is broken|Do not go on the bridge]," said {N}. {F} threw a stone onto the boards, and they fell into the water with a crash. "You saved us," said {F}. "Why have we never heard your voice? It is a good voice." """.replace("{his2}", "{fhis}"),
      "{N} turned red, but {he} smiled. From then on {he} spoke a little more every day, and everyone listened.")
trait("lazy", "is lazy|is very lazy|never wants to work|sleeps all day", """But {N} was lazy. [{He} slept until noon and rested until evening.|When there was work to do, {he} was always tired.] "Tomorrow," {he} said every day. "I will do it tomorrow."

{F} the {FK} gathered wood and {food} for the winter. "Help me, and we will share," said {F}. "Tomorrow," said {N}, and {he} turned over. Then the snow came. It was cold in the house, the shelf was empty, and the wind blew through the hole in the roof that {he} had never fixed.

{N} knocked at the door of {F}. "May I come in?" {he} asked quietly. {F} gave {him} hot soup and a blanket. "You may stay," said {F}, "but tomorrow we will fix your roof." "Not tomorrow," said {N}. "Let us do it today!" """,
      "They hammered until it was dark. {N} was tired, but for the first time {he} knew how good it feels to rest after work.")
trait("greedy", "is greedy|never shares|does not like to share|wants everything for himself", """But {N} did not like to share. [{He} counted {his} {food} every night.|{He} hid all {his} {food} in a chest.] "Mine, mine, mine," {he} said, and {he} locked the door.

One day, {he} found a tree full of ripe plums. {He} put so many into {his} sack that {he} could hardly carry it. On the way home {he} met {F} the {FK}. "May I have one?" asked {F}. "I have not eaten today." "No," said {N}. {He} walked faster, the sack tore on a thorn, and all the plums rolled down the hill into the river.

{N} sat down and cried. {F} came and sat beside {him}. "I found two nuts," said {F}. "One is for you." {N} looked at the nut for a long time. "Why do you give it to me?" {he} asked. "Because it tastes better when we eat together," said {F}. And it was true.""",
      "The next day {N} opened the chest and invited everyone. It was the best meal of {his} life.")
trait("proud", "is proud|always boasts|is too proud to ask for help|thinks he is the best", """But {N} was very proud. "I am the fastest, the strongest, and the cleverest," {he} told everyone. "I never need any help." [The others rolled their eyes.|After a while nobody wanted to listen.]

One day, {he} took a short way through the swamp to show how clever {he} was. The ground was soft. {He} sank to the knees, and then to the belly. {He} pulled and pulled, but {he} only went deeper. {F} the {FK} came along the dry path. "Do you need help?" asked {F}. "No, I like it here," said {N}. The mud came up to {his} chin.

"Well," said {N} in a very small voice, "perhaps a little help." {F} pushed a long branch over the mud, and {N} held on to it. {F} pulled with all {fhis} strength, and at last {N} came out with a loud plop. {He} was brown from top to toe. "Thank you," said {N}. "You are the strongest one, I think." """,
      "Since that day {N} boasts much less, and {he} asks for help before the mud is at {his} chin.")
trait("curious", "is curious|is very curious|asks too many questions|always asks why", """{N} was very curious. "Why is the sky blue? Where does the wind sleep? What is behind the hill?" {he} asked from morning to evening. [The grown-ups sighed.|Even the parrot got tired.]

{TIME}, {he} found a small {color} door in [an old wall|the trunk of a tree|the side of the hill]. A sign on it said: Please knock. {N} knocked. A {FK} with round glasses opened the door. "At last," said the {FK}. "I know many answers, but nobody ever asks me a question." "I have a hundred!" cried {N}.

{He} asked, and {F} answered. Why do leaves fall? So that the tree can sleep in winter. Where do rivers go? To the sea. When {F} did not know an answer, {fhe} said, "Let us find out," and they looked in big books and under small stones. The sun went down, and they did not notice.""",
      "{N} came home late, full of answers. But the best thing was that {he} had even more questions than before.")
trait("liar", "tells lies|always tells lies|does not tell the truth|likes to trick others", """But {N} liked to trick others. "Fire, fire!" {he} shouted, and everybody ran with buckets. There was no fire. {N} laughed until {his} belly hurt. The next week {he} did it again, and again they all came running. They did not laugh.

Then, one dry evening, a spark jumped out of {his} stove, and the curtain began to burn. "Fire, fire!" shouted {N}. But nobody came. "It is only another trick," they said, and they went on with their supper. The smoke grew thick, and {N} ran out of the house.

Only {F} the {FK} looked out of the window and saw {his} face. "This time it is true," said {F}. {Fhe} rang the bell, and they all came with water and put the fire out. The house was black, but it was still standing. "I am sorry," said {N}. "I lied so often that my truth was worth nothing." """,
      "Everybody helped to build the wall again. From that day on {N} told the truth, and when {he} called, they came.")
trait("forgetful", "is forgetful|forgets everything|can never remember anything", """But {N} forgot everything. {He} forgot {his} hat on the fence, {his} soup on the stove, and once even {his} own birthday. "My head is a sieve," {he} said.

{TIME}, {M} sent {him} to the market. "Bring milk, eggs, and honey," said {M}. "Milk, eggs, honey," said {N}. On the way {he} met {F} the {FK}, and they talked about the weather. "What did I want to buy?" {he} asked {himself} at the market. "A hat? A goose? A ladder?" {He} stood there and scratched {his} head.

{F} had an idea. "Make a song of it," said {F}. "A song stays in your head." So they asked {M} once more, and {N} sang all the way, "Milk for the cat, eggs in my hat, honey so sweet, now move your feet!" People laughed and sang along. At the market {he} bought everything and forgot nothing.""",
      "Now {N} has a song for everything, and {he} has not forgotten a birthday since.", "funny")
trait("messy", "is messy|never tidies up|has a messy room", """But {his} house was a terrible mess. Socks hung from the lamp, spoons lay in the bed, and under the table lived a pile of things that nobody had seen for years. "I like it that way," said {N}.

One day, a letter came. {N} had won a ticket for the big circus! {He} put it down somewhere and danced with joy. But when the evening came, the ticket was gone. {N} looked in the teapot, in the boots, and behind the stove. "Help!" {he} called, and {F} the {FK} came with a broom.

They picked up the socks. They washed the spoons. They carried out nine baskets of paper. They found an old [flute|kite|clock] that {N} had missed for years, and a sandwich that was as hard as a stone. And at the very bottom, when the floor was clean, lay the ticket. "Hurry!" said {F}.""",
      "They ran and came just in time. Now everything has its place in the house of {N}, at least on Sundays.", "funny")
trait("impatient", "is impatient|cannot wait|hates to wait|is always in a hurry", """But {N} could not wait for anything. {He} ate the dough before it was baked and picked the {food} before they were good. "Now, now, now!" was {his} favorite word.

{TIME}, {F} the {FK} gave {him} a small gray egg. "Keep it warm for twenty days," said {F}, "and you will see something wonderful." On the first day {N} asked, "Now?" On the second day {he} knocked on the shell. On the third day {he} wanted to open it with a spoon. "If you open it now, there will be nothing," said {F}.

So {N} learned to wait. {He} carried the egg in a scarf, told it stories, and counted the days with marks on the wall. Ten, eleven, twelve. It became quiet inside {him}. {He} saw how slowly the clouds moved and heard how the grass whispered. On the twentieth day the egg went crack, and a tiny yellow bird looked at {him}.""",
      "\"It was worth every day,\" {N} whispered, and the little bird fell asleep in {his} hand.")
trait("bossy", "is bossy|always wants to be the leader|always tells others what to do", """But {N} was bossy. "You stand here! You go there! Not like that!" {he} said whenever the others played. One after the other they went home, until nobody was left but {F} the {FK}.

"Let us build a raft," said {N}. "I am the captain. You do the work." {F} tied the knots as {N} told {fhim}, although {fhe} knew a better way. They pushed the raft into the river. In the middle of the water the knots came loose, and one log floated away, and then another. "Do something!" shouted {N}. "You are the captain," said {F}.

{N} became quiet. "You know knots better than I do," {he} said. "Please tell me what to do." {F} nodded. "Hold this end, and I will tie the other one." Together they pulled and tied, and the raft held until they reached the shore, wet and tired.""",
      "\"Next time we will both be captains,\" said {N}, and {he} asked the others what they wanted to play.")
trait("grumpy", "is grumpy|is always grumpy|is always in a bad mood|never smiles", """But {N} was always grumpy. The sun was too bright, the soup was too hot, and the birds sang too early. "Humph," {he} said to everyone who came by. So nobody came by any more.

{TIME}, a@ {FK} moved in next door. "Good morning!" called {F}. "What is good about it?" {N} grumbled. The next day {F} brought a plate of {food}. "Humph," said {N}, but {he} ate them all. The day after that {F} brought a bench and put it in the sun between the two houses. "It is too heavy for one, and too long for one," said {F}.

{N} sat down, only to see how hard it was. It was not hard. The sun was warm. {F} told a story about a cow who wore boots, and something strange happened. The corners of {his} mouth went up, first the left one, then the right one. "What is that?" asked {N}. "That is a smile," said {F}. "It suits you." """,
      "From then on they sat on the bench every evening, and {N} said \"humph\" only when it rained.", "funny")
trait("clumsy", "is clumsy|is very clumsy|breaks everything|always falls down", """But {N} was clumsy. {He} bumped into doors, dropped the plates, and stepped on every tail. "Oh dear," {he} said at least ten times a day. {He} thought that {he} was good for nothing.

One night, a thief crept into the village to steal the golden bell. Everyone was asleep. Only {N} was awake, for {he} had just fallen out of bed. {He} went to the kitchen for some milk and tripped over a bucket. The bucket rolled down the stairs and hit the pots, the pots hit the pans, and the pans fell on the big drum. What a noise it was!

All the lights went on. The thief was so frightened that he dropped the bell and ran away as fast as he could. "Who woke us up?" asked {F} the {FK}. {N} stood there with a pot on {his} foot. "It was me," {he} said. "Oh dear, I am sorry." But they all cheered and lifted {him} onto their shoulders.""",
      "\"Some people save the day by being quick,\" said {F}, \"and some by falling over a bucket.\"", "funny")
trait("kind", "is kind|is very kind|helps everybody|has a good heart", """{N} had a good heart, and {he} could not see anyone sad. If somebody was cold, {he} gave {him_or} a scarf. If somebody was hungry, {he} shared {his} {food}.

In a hard winter, {N} met an old woman on the road. Her basket was empty, and her shoes had holes. {N} gave her {his} bread. A little later {he} met a shivering {FK}, and {he} gave {fhim} {his} coat. Now {N} was hungry and cold {himself}, and the snow fell so thick that {he} could not find the way. {He} sat down under a tree.

Then a light came through the snow. It was {F}, with a lantern. "We have looked for you," said {F}. Behind {fhim} came the old woman with a pot of soup, and the neighbors with blankets. "You have helped every one of us," they said. "Now it is our turn." They carried {him} home and made a big fire.""".replace("{him_or}", "away"),
      "{N} slept in the warm bed and dreamed of spring. Kindness is like a ball: it comes back to you.", "bedtime")
trait("late", "is always late|always comes too late|can never be on time", """But {N} was always late. {He} came to breakfast at noon and to the summer feast in the fall. "I only wanted to watch the ants," {he} said, or, "There was such an interesting cloud."

One day, the big boat was going to leave for the island, and everybody wanted to go. "Be there at nine," said {F} the {FK}. {N} got up early and ran. But on the way {he} saw a lamb that was caught in the thorns. {He} stopped. {He} freed it, one thorn after the other, and the clock struck nine. When {N} came to the river, the boat was gone.

{He} sat down on the shore. Then {he} heard a shout. The boat came back! There was a hole in it, and water ran in. {N} pulled the rope and helped them all out. "If you had been on time, nobody would have been here to help us," said {F}. They all sat in the grass and dried their socks.""",
      "{F} gave {him} a small clock, and {N} is on time now, except when a lamb needs {him}.")
trait("hungry", "is always hungry|is very hungry|cannot stop eating|loves to eat", """But {N} was always hungry. {He} had breakfast three times, and after supper {he} thought of breakfast. {His} belly grumbled so loudly that the birds flew up.

{TIME}, the smell of fresh {food} came through the window. {N} followed {his} nose, over the hill, across the brook, and through a hole in a fence. There stood a table with forty plates, and nobody was there. "Only a little bit," said {N}. {He} ate one plate, and then another, and then all forty. {His} belly was as round as a ball.

When {he} wanted to go home, {he} got stuck in the hole in the fence. {He} could not go forward, and {he} could not go back. Then the guests came, and in front of them the {FK} from the next house. It was {fhis} birthday! "I am so sorry," said {N}. {F} looked at {his} round belly and began to laugh. "Then you will have to bake with us," said {F}. They pulled, and plop, {he} was free.""",
      "They baked the whole afternoon, and {N} carried the plates to the guests without licking a single one.", "funny")
trait("sleepless", "cannot sleep|could not sleep|does not want to go to bed|is not tired", """But one night {N} could not sleep. {He} turned to the left, and {he} turned to the right. {He} counted sheep, but the sheep were silly and jumped around. "I am wide awake," {he} said.

{He} went to {M}. "Then let us say good night to everything," said {M}. So they went to the window. "Good night, moon," said {N}. "Good night, hills. Good night, old tree." A soft wind came, and the leaves whispered. "Good night, mouse in the wall. Good night, fish in the pond."

{N} went back to bed and pulled up the blanket. "Good night, left foot," {he} said. "Good night, right foot. Good night, nose." With every good night {his} eyes became smaller. In the house next door, {F} the {FK} was already snoring. The clock went tick, tock, tick, tock. "Good night, clock," {N} whispered.""",
      "{He} wanted to say good night to the stars, too, but there were so many, and after the third one {he} was fast asleep.", "bedtime")
trait("brave", "is brave|is very brave|is a hero|saves a friend", """{N} was brave. Others ran away from the dark wood, but {he} [whistled a song and went in|only lifted {his} chin].

One day, {F} the {FK} did not come home. There were small footprints in the mud, and they led right into the dark wood. "Nobody goes in there," said the others. "Somebody has to," said {N}, and {he} took a rope and a lantern. The trees creaked, and an owl called. {N} was a little bit afraid, but {he} thought of {F} and went on.

Then {he} heard a soft cry from a deep pit. "My friend, are you down there?" {N} called. "I fell in, and I cannot climb out!" called {F}. {N} tied the rope to a thick tree and let it down. {F} held on, and {N} pulled until {his} arms hurt. At last a muddy head looked over the edge. "I knew that you would come," said {F}.""",
      "They walked home side by side, with the lantern between them, and the dark wood did not seem so dark.")


def event(key, who, about, body, moods=""):
    plot(key, who, about, body, moods)


event("lost thing", "loses a {thing}|lost a {thing}|has lost a {thing}", "a lost {thing}", """{TIME}, {N} [wanted to go for a walk|came home from the river|woke up early], and [{his} {thing} was gone|{he} could not find {his} {thing}]. It was {his} [favorite thing in the world|dearest treasure], for it was a gift from {M}.

{He} looked under the bed, behind the door, and in the well. {He} asked {F} the {FK}. "Let us think," said {F}. "Where did you have it last?" They walked the whole way back, along the brook, past the mill, and up the hill. [A crow|A snail|A goat] sat by the road. "I saw something {color} in the hedge," it said.

And there it was! But something moved in it. A [tiny bird|small mouse] had made {a_it} nest in the {thing}, with five babies. "Please let us stay until they are big," it begged. {N} thought about it. "Keep it as long as you need it," {he} said.

When the summer was over, the {thing} lay in front of {his} door, clean and full of [nuts|flowers|berries]. [It was worth more than before|{N} liked it even more than before], because now it had a story.""".replace("{a_it}", "a"))
event("treasure map", "finds a map|finds a treasure map|found a treasure|looks for a treasure", "a treasure|a treasure map|a hidden treasure", """{TIME}, {N} found an old map in [a bottle|a hollow tree|a dusty book|a broken clock]. A {color} line led over a hill and across a river to a big cross. "A treasure!" {he} cried, and {he} ran to {F} the {FK}.

They packed {food} and a shovel and followed the line. The hill was steep, and they pushed and pulled each other up. The river was cold, and they held hands when they crossed it. In the evening they sat by a small fire and told each other what they would buy. "A boat," said {N}. "A house with a slide," said {F}.

The next morning they came to the cross and dug. They dug until they hit a wooden box. {N} lifted the lid. There was no gold in it, only a piece of paper. "The treasure is the one who walked here with you," it said. They looked at each other.

"Well, that is true," said {F}, and they both laughed. They [put their own {food} in the box for the next ones who would come|walked home arm in arm], and it was the best journey of their lives.""")
event("strange egg", "finds an egg|finds a strange egg|found an egg", "a strange egg|an egg", """{TIME}, {N} found [a big|a strange|a round] {color} egg in the [grass|sand|snow]. It was warm, and something inside it went tap, tap. "Whose egg are you?" {he} asked. {He} carried it home and put it near the stove.

{He} asked the hen, but her eggs were white. {He} asked the goose, but her eggs were smaller. {F} the {FK} put an ear to the shell. "Somebody in there is humming," said {F}. They waited all night. In the morning the egg broke, and out came a tiny dragon with blue eyes. It sneezed a spark and said, "Mama?"

"I am not your mama," said {N}, "but we will find her." They climbed the mountain with the baby in a basket. On the top sat a great dragon, and she was crying. When she saw the basket, her tears became steam. "My little one!" she called, so that the rocks shook.

She carried {N} and {F} home on her back, high above the clouds. And every year on that day, a {color} light flies over the roof and says hello.""")
event("boat", "builds a boat|built a boat|wants to build a boat|wants to sail", "a boat|a little boat", """{TIME}, {N} decided to build a boat. {He} took [old boards|a barrel|an old door], some rope, and a [sheet|blanket|curtain] for a sail. "It will never float," said the crow on the fence.

{N} pushed it into the water. It floated for as long as you need to say "pudding", and then it sank. The crow laughed. {F} the {FK} came by and looked at the bubbles. "There is a hole in it," said {F}. "Take some wax and wool." They pulled the boat out and closed the hole. Then the boat leaned to one side, and they put a stone on the other. Then it turned in circles, and they made an oar.

In the evening the little boat lay on the water, straight and calm. They painted it {color} and wrote a name on it: Try Again. The sail filled with wind. "May I come, too?" asked the crow in a small voice.

"Of course," said {N}, "there is room for three." And they sailed down the river, past the willows, into the [red|golden|pink] evening.""")
event("baby bird", "finds a baby bird|helps a bird|saves a little bird", "a baby bird|a little bird", """{TIME}, after a storm, {N} found a baby bird under a tree. It was wet, and one wing hung down. "Peep," it said very softly. {N} took it home in {his} two hands.

{M} put a thin stick on the wing and tied it with thread. "It needs warmth, food, and rest," {mhe} said. {N} made a bed of wool in a teacup. {He} fed the bird every hour, even at night, and {F} the {FK} brought [worms|seeds]. The bird grew, and it sat on {his} shoulder and pulled {his} ear.

One morning it flapped its wings and looked out of the window. {N} knew what that meant. {His} heart was heavy. "I want it to stay," {he} said to {F}. "If you love it, open the window," said {F}. {N} opened it. The bird flew a circle around {his} head and then up into the blue sky.

In the fall {N} looked at the empty teacup. But in the spring, something knocked at the window. "Peep!" it said, and it had brought its whole family.""", "sad")
event("missing cake", "looks for a thief|solves a mystery|is a detective|wants to find out who ate the cake", "a mystery|a missing cake|a stolen cake", """{TIME}, a big cake with {food} stood on the windowsill. An hour later only the plate was there. "Somebody has eaten our cake!" cried {F} the {FK}. {N} took a magnifying glass. "I will find out who it was," {he} said.

There were crumbs on the floor. {N} followed them down the stairs and across the yard. There were footprints, too, small ones with three toes. "Aha," said {N}. The trail went to the duck pond. The ducks looked at the sky and whistled. "Did you eat the cake?" asked {N}. "Cake? What cake?" said the biggest duck, and there was cream on its beak.

"Why did you do it?" asked {F}. The ducks hung their heads. "We smelled it every week, and nobody ever invited us," they said. {N} and {F} looked at each other. They had never thought of that.

"Next time you only have to ask," said {N}. On Sunday there were two cakes, and the ducks brought the lemonade. It was the wettest and funniest party of the year.""", "funny")
event("gift", "makes a gift|wants to make a gift for his mother|looks for a present", "a birthday|a gift|a present", """{M} had a birthday, and {N} wanted to give {mhim} the best present in the world. But {he} had only one coin. In the shop there was a golden clock, but it cost a hundred coins. There was a silk scarf, but it cost fifty. {N} went out sadly.

On the way {he} met a beggar, and {he} gave away the coin. "Now I have nothing at all," {he} said to {F} the {FK}. "You have two hands and a whole meadow," said {F}. So they picked flowers: blue ones, white ones, and yellow ones. They bent a willow branch into a ring and wove the flowers into it, one by one.

When they came home, there were many big boxes on the table. {N} held the wreath behind {his} back. "It is only from the meadow," {he} said softly. {M} put it on and looked in the mirror for a long time. "All the others bought something," {mhe} said. "You have made something."

{Mhe} wore it the whole day, and when the flowers were dry, {mhe} hung them over the bed. They are still hanging there.""")
event("fog and bell", "is lost in the fog|gets lost in the forest|lost his way", "the fog|being lost", """{TIME}, {N} went out to pick {food}. {He} went deeper and deeper into the hills, and {he} did not see the fog. When {he} looked up, everything was white. There was no path, no tree, and no sound.

"Hello?" {he} called. "Hello?" said the fog. {N} did not know where to go. Then something soft touched {his} hand. It was {F} the {FK}. "I am lost, too," said {F}. "Two who are lost are better than one," said {N}. They held hands and sat down on a stone, and they ate the {food} to stay warm. They sang every song they knew, so that somebody might hear them.

Down in the valley, {M} stopped and listened. "That is the song I taught {him}," {mhe} said, and {mhe} rang the big bell. Ding, dong, it sounded through the fog. "Do you hear that?" cried {N}. "That way!" They walked toward the sound, hand in hand, and the bell grew louder.

At last a door opened, and warm light fell on their faces. There was hot milk, and nobody scolded them. Outside, the fog laid itself around the house like a white cat.""", "bedtime")
event("kite", "has a kite|loses a kite|makes a kite", "a kite", """{N} had made a {color} kite with a long tail. {TIME}, {he} took it up the hill, and it flew higher than the birds. But then the string broke. The kite sailed away and got caught at the top of the tallest tree.

{N} shook the tree, but the tree did not care. {He} threw a stick, and now the stick was up there, too. {He} threw {his} shoe, and the shoe stayed with the stick. "Stop," said {F} the {FK}, "or we will have to bring down your whole house." {N} had to laugh, although {he} was sad.

They sat down and thought. "What does the wind like?" asked {F}. "It likes to pull things," said {N}. So they tied a big leaf to a thin thread and let the wind carry it up. It flew over the branch and came down on the other side. They tied the thread to a rope, pulled the rope over the branch, and shook it. Down came the shoe, the stick, and the kite.

It had a hole, and they put a patch on it in the shape of a heart. It flew even better than before, because now two of them held the string.""")
event("broken cup", "breaks a cup|broke something|has to say sorry|breaks a vase", "telling the truth|a broken cup|honesty", """In the house stood a {color} vase that {M} loved very much. "Please do not play ball in here," {mhe} always said. {TIME}, it rained, and {N} and {F} the {FK} played ball in there. The ball flew, the vase fell, and there were a hundred pieces.

They stood there and did not breathe. "We could say that it was the cat," whispered {F}. "We could hide it," said {N}. They pushed the pieces under the carpet. But all through supper {N} felt as if the carpet looked at {him}. {His} soup had no taste. The cat looked at {him}, too.

At last {he} put down {his} spoon. "It was not the wind, and it was not the cat," {he} said. "It was me. I broke your vase, and I am sorry." {M} was quiet for a while. "I am sad about the vase," {mhe} said, "but I am glad about you. It is hard to tell the truth."

They put the pieces together with glue. The vase has many lines now, like a map, and {M} says that {mhe} loves it more than before.""")
event("long winter", "shares his food in winter|is cold in winter|lives through a long winter", "winter|the snow|sharing", """The winter was long that year. Snow lay up to the windows, and the wind sang in the chimney. {N} had a small heap of {food}, just enough for one.

One evening there was a knock. Outside stood {F} the {FK}, white with snow. "My house fell down under the snow," said {F}. {N} looked at {his} small heap. "Come in," {he} said. They ate half of what they wanted. The next evening there was another knock. It was a mouse with a thimble of flour. Then came a crow with one dry fish, and an old goat with a turnip.

"It will never be enough," {N} thought. But {F} put a big pot on the fire. In went the {food}, the flour, the fish, and the turnip. It smelled wonderful. They ate, they told stories, and five of them kept the room much warmer than one. When the stories were over, they started again from the beginning.

One morning water dripped from the roof, and a small white flower stood in the snow. "Is the winter over?" asked {N}. "What a pity," {he} said, and everybody laughed.""")
event("strange noise", "hears a strange noise|hears a noise in the night", "a strange noise|a ghost|a spooky night", """One night {N} woke up. From the attic came a noise: hoo, clank, bump. {He} pulled the blanket up to {his} nose. Hoo, clank, bump, it went again. "It must be a ghost," {he} whispered.

{He} ran across the yard and woke {F} the {FK}. "There is a ghost in my attic!" {he} cried. {F} was not happy about it, but a friend is a friend. They took a candle and a broom. The stairs creaked under their feet. Hoo! They held on to each other. Clank! The candle went out. Bump! They pushed the door open and screamed.

Something screamed back. In the moonlight sat a young owl with one foot in a pot. "I flew in through the window," it cried, "and now I cannot get this thing off!" Hoo, it had called, clank, the pot had gone, and bump, it had fallen over. {N} and {F} began to laugh with relief.

They pulled off the pot and opened the window. The owl thanked them and flew into the night. "A ghost with a pot on its foot," said {F}, and they giggled until the morning.""", "scary funny")
event("rain cloud", "meets a cloud|makes friends with a cloud|meets a sad cloud", "a cloud|a sad cloud|the rain", """It had not rained for weeks. The grass was yellow, and the brook was only a line of stones. {TIME}, {N} saw one small cloud, high above the hill. It hung there all alone, and it looked sad.

{N} climbed the hill with {F} the {FK}. "Why do you not rain?" {he} asked. "Everybody is angry when I rain," said the cloud. "They close their windows and say bad weather. So I hold it in." It was already dark gray and very heavy. "We are not angry," said {N}. "We need you. Look at the poor flowers."

"Really?" asked the cloud. One drop fell on {his} nose, and another one. Then the cloud cried with joy, and it rained on the fields, on the brook, and on all the roofs. The frogs sang. {N} and {F} danced in the puddles until they were as wet as fish. In every window there were happy faces.

When it was over, the cloud was white and light. "Thank you," it said. "Call me when you are thirsty." And since then, nobody there has ever said bad weather.""")
event("snowman", "builds a snowman|built a snowman|plays in the snow", "a snowman", """In the night the first snow had fallen, and the whole world was white. {N} and {F} the {FK} built a snowman. They gave him a carrot for a nose, two nuts for eyes, and a {color} scarf. "What a nice fellow," said {F}.

In the evening {N} looked out of the window. The snowman stood there all alone in the dark. "He must be cold," said {N}. {He} took him {his} own blanket. "Thank you," said the snowman, "but I like the cold best." {N} was so surprised that {he} sat down in the snow. "You can talk!" "Only on the first night," said the snowman. "Tell me, what is summer like?"

So {N} told him about bees and {food}, about warm stones and long evenings. The snowman listened, and his nut eyes shone. "I will never see it," he said, "but now I know it." They looked at the stars together until {N} was tired.

In the spring the snowman melted, and {N} was sad. But where he had stood, the flowers came up first. "Now he sees the summer after all," said {F}.""", "sad")
event("shadow", "loses a shadow|fights with a shadow|plays with a shadow", "a shadow", """{TIME}, {N} saw something dark on the ground behind {him}. {He} ran, and it ran. {He} stopped, and it stopped. "Why are you following me?" {he} asked. The dark thing said nothing.

{He} jumped over the brook, but it jumped, too. {He} hid behind a tree, and it was gone. But as soon as {he} stepped into the sun, it was there again. "Help me!" {N} called. {F} the {FK} came running, and behind {fhim} ran a dark thing as well. "You have one, too!" cried {N}. {F} laughed. "That is only your shadow," said {F}. "It belongs to you, and the sun makes it."

{N} lifted one hand, and the shadow waved. {He} made a bird with {his} fingers, and a bird flew over the wall. {F} made a wolf, and the wolf opened its mouth. They made a whole theater on the side of the barn: a king, a goose, and a ship with three sails.

When the sun went down, the shadows grew long and thin and said good night. "Come back tomorrow," said {N}, and the next day it did.""")
event("wishing well", "finds a magic lamp|gets three wishes|has three wishes|meets a magic fish", "three wishes|a magic fish|magic", """{TIME}, {N} sat by the water and caught a small golden fish. "Let me go," said the fish, "and you will have three wishes." {N} nearly fell into the water. {He} put the fish back at once, very gently.

{He} thought about it the whole day. "I wish for a mountain of {food}," {he} said at last. Plop! The mountain was so high that {his} house was gone under it. {F} the {FK} had to dig {him} out. "I wish that it would go away again!" cried {N}. Plop! Everything was as before, only a bit sticky. Now there was just one wish left.

"What shall I take?" asked {N}. "Gold? A castle?" But {F} said nothing. {F} had been ill that winter and still coughed. {N} looked at {fhim} for a moment and did not need to think any longer. "I wish that {F} may be well," {he} said. Plop! {F} stopped coughing and stood up straight. "You could have had a castle," said {F}.

"A castle is cold and empty without you," said {N}. They went home and ate {food}, and it was exactly enough.""")
event("bridge", "builds a bridge|has a quarrel with a friend|has a fight with his best friend", "a quarrel|two friends|friendship", """{N} and {F} the {FK} lived on two sides of a stream. They had been friends for a long time. But {TIME0} they quarreled about [a bucket|a pear|a hat]. Nobody knew later how it began. "I will never speak to you again," said {N}. "Good," said {F}.

They pulled down the little bridge between them. The days were long. When {N} saw something funny, {he} turned around to tell {F}, but there was only the wind. At night {he} saw the light on the other side and wondered what {F} was doing.

One morning {he} could not stand it any longer. {He} took a board and put it into the water. On the other side stood {F}, with a board, too. They said nothing. {N} hammered here, and {F} hammered there, and the bridge grew from both sides. In the middle there was a gap as wide as one board. "I have no more wood," said {N}. "I have one left," said {F}. They laid it down together.

"I am sorry," they both said at the same time. Then they sat down in the middle of the bridge, let their feet hang down, and shared [a bucket of|a hat full of] {food}.""".replace("{TIME0}", "one day"))
event("show", "puts on a show|wants to be in a play|is an actor|goes to the circus", "a show|a circus|a play", """{TIME}, a sign hung on the old oak: Great show tonight, everybody may take part. "I will do magic," said {F} the {FK}. {N} could not do magic. {He} could not juggle, and {he} could not walk on a rope. "I will only watch," {he} said.

In the evening everyone sat on the benches. The lamps were lit, but nothing happened. Behind the curtain {F} stood there, white as chalk. "My rabbit has run away," {fhe} said, "and the show must begin!" {N} looked through the curtain at all the faces. {His} knees shook, but {he} stepped out.

"Ladies and gentlemen," {he} said, "while we wait, I will tell you why the moon is round." {He} made it up as {he} went along: the moon was a cheese, a mouse lived on it, and every night it took a bite. They laughed, they held their breath, and they laughed again. In the middle of the story the rabbit came hopping over the stage. "And here is the mouse!" cried {N}.

It was the best part of the show. {F} bowed, {N} bowed, and even the rabbit bowed. Since then, they never ask {him} what {he} can do. They only say, "Tell us a story, {N}." """, "funny")
event("market day", "sells things at the market|goes to the market|wants to buy a hat", "a market|a goat and a hat|trading", """{TIME}, {N} went to the market to trade {his} old cart for a warm coat. On the way {he} met a man with a goat. "I would like to have your cart," said the man, "and I will give you my goat." The goat looked nice, so {N} said yes.

Then {he} met a woman with a goose, and {he} traded the goat for the goose. After that {he} met {F} the {FK}, who had nothing but a sack of old seeds and was crying. "Nobody wants my seeds," said {F}. {N} gave {fhim} the goose and took the seeds. Everybody at the market laughed. "A cart for a bag of dust!" they said.

{N} went home without a coat. {He} put the seeds into the ground, for {he} did not know what else to do with them. Summer came, and the whole field was full of flax with blue flowers. {F} came to help and brought eggs from the goose. They spun the flax and wove it into cloth, enough for ten coats.

When winter came, {N} and {F} gave warm coats to all who had laughed at them. And then they laughed, too, because it was a good joke.""")
event("new neighbor", "has a new neighbor|moves to a new house|is new in town|goes to a new school", "a new neighbor|a new home|the first day of school", """{N} had moved to a new house, and everything was different. The stairs creaked in another way, and the moon came in through the wrong window. At school nobody knew {his} name. At noon {he} sat under a tree and ate alone.

"I want to go back," {he} told {M}. "Give it seven days," said {mhe}, "and do one brave thing every day." On the first day {N} said good morning to the mailman. On the second day {he} asked somebody for the way. On the third day {he} lent a pencil to a@ {FK} in {his} class. On the fourth day {he} laughed at a joke, and on the fifth day {he} told one.

On the sixth day it rained, and {F} had no umbrella. "Come under mine," said {N}. They walked home together, and {F} showed {him} the short way through the gardens, the best puddle, and the tree with the sweet pears. "Shall I call for you tomorrow?" asked {F}.

On the seventh day {M} asked, "Well, do you want to go back?" But {N} was already out of the door. From the garden came the sound of two voices, and one of them was {his}.""")

THINGS = "hat scarf bell button drum basket blanket umbrella mitten boot spoon ring".split()
OPENINGS = [
    "[Once upon a time|Once upon a time|Once upon a time|Long ago|A long time ago|Once], there [was|lived] a@ {adj} {K} named {N}. {he} lived {home}. {N} {habit}.",
    "[Once upon a time|Once|Not so long ago], a@ {adj} {K} named {N} lived {home}. {N} {habit}.",
    "This is the story of {N}, a@ {adj} {K} who lived {home}. {he} {habit}.",
    "There once was a@ {adj} {K}, and {his} name was {N}. {N} lived {home} and {habit}.",
]
CODAS = ["", "", "", "", " The end.", "\n\nThe end.", " And that is the end of the story."]
BED = [" And then everybody slept, and the moon watched over them.", " Good night, and sleep well.",
       " The stars came out one by one, and everything was quiet."]


def expand(s, r):
    """Chooses one of [a|b], innermost first."""
    while True:
        m = re.search(r"\[([^\[\]]*)\]", s)
        if not m:
            return s
        s = s[:m.start()] + r.choice(m.group(1).split("|")) + s[m.end():]


def forms(prefix, g):
    f = dict(he=("he", "she"), his=("his", "her"), him=("him", "her"), himself=("himself", "herself"))
    d = {}
    for k, v in f.items():
        w = v[g == "she"]
        d[prefix + k] = w
        d[(prefix + k).capitalize()] = w.capitalize()
    return d


def tidy(s):
    s = re.sub(r"\b([Aa])@ (?=[aeiouAEIOU])", r"\1n ", s)
    s = re.sub(r"\b([Aa])n (uni)", r"\1 \2", s).replace("a@ ", "a ").replace("A@ ", "A ")
    s = re.sub(r" +", " ", s).replace(" \n", "\n").strip()
    up = lambda m: m.group(1) + m.group(2).upper()
    s = re.sub(r"(^|\n|[.!?] |\.\" |[.!?] \"|^\"|\n\")([a-z])", up, s)
    return s


def cast_name(r, g):
    return r.choice(NAMES_SHE if g == "she" else NAMES_HE)


def make_story(r, cat=None, kind=None, p=None, name=None, home=None, mood=None, fkind=None):
    """One story, and what it is about (for the one who asks for it)."""
    if kind is None:
        if cat is None:
            cat, kind = r.choice(ALL_KINDS) if r.random() < 0.8 else r.choice(CHILDREN)
        else:
            kind = r.choice(KINDS[cat])
    g = kind.split(":")[1] if ":" in kind else None
    if name:
        g = "she" if name in NAMES_SHE else "he"
    g = g or r.choice(["he", "she"])
    K = kind.split(":")[0]
    name = name or cast_name(r, g)
    if fkind is None:
        fkind = r.choice(ALL_KINDS)[1]
        while fkind.split(":")[0] == K or fkind.split(":")[0] in ("king", "queen", "lighthouse keeper"):
            fkind = r.choice(ALL_KINDS)[1]
    FK = fkind.split(":")[0]
    fg = fkind.split(":")[1] if ":" in fkind else ("he", "she")[len(FK) % 2]
    if p is None:
        pool = [q for q in PLOTS if mood is None or mood in q[3]]
        p = r.choice(pool)
    mentor, mg = r.choice(MENTORS).split(":")
    d = {"N": name, "K": K, "F": "the " + FK, "FK": FK, "adj": r.choice(ADJ), "food": r.choice(FOODS),
         "color": r.choice(COLORS), "thing": r.choice(THINGS), "M": mentor.replace("his ", "{his} ")}
    d.update(forms("", g))
    d.update(forms("f", fg))
    d.update(forms("m", mg))
    d["home"] = home or expand(HOMES[cat], r)
    d["habit"] = expand(r.choice(HABITS), r)
    d["TIME"] = expand(TIME, r)
    text = expand(r.choice(OPENINGS), r) + (" " if p[5] else "\n\n") + expand(p[4], r)
    coda = r.choice(BED) if mood == "bedtime" else r.choice(CODAS)
    text += coda
    text = text.replace("{F} the {FK}", "{his} friend the {FK}", 1).replace("{F} the {FK}", "the {FK}")
    # a name is one token where a space stands before it: no paragraph begins with one
    text = re.sub(r"\n\n\{N\} (\w+)", lambda m: "\n\n%s {N} %s" % (
        "Now" if m.group(1) in ("had", "was", "and") else r.choice(["So", "Then", "And so"]), m.group(1)), text)
    for _ in range(2):
        text = re.sub(r"\{(\w+)\}", lambda m: d[m.group(1)], text)
    about = dict(K=K, N=name, FK=FK, g=g, p=p, thing=d["thing"], home=d["home"], food=d["food"])
    return tidy(text), about

# ---- chats ------------------------------------------------------------------------------------------------------------


def turn(q, a):
    return "<|user|>%s<|end|><|assistant|>%s<|end|>" % (q, a)


def loosen(q, r):
    """People write without capitals and full stops, too."""
    x = r.random()
    if x < 0.12:
        q = q[0].lower() + q[1:]
    if x < 0.3 and q[-1] in ".?!":
        q = q[:-1]
    elif x > 0.93:
        q = "Please " + q[0].lower() + q[1:] if q[-1] == "." and q.split()[0] in ("Tell", "Name", "Count", "Say", "Repeat", "Add") else q
    return q


ASK = ["Tell me a story about {}.", "Tell me a story about {}.", "Tell me a story about {}.", "Tell me a short story about {}.",
       "Please tell me a story about {}.", "Can you tell me a story about {}?", "Could you tell me a story about {}?",
       "Write a story about {}.", "Write a short story about {}.", "I want to hear a story about {}.", "A story about {}, please.",
       "Make up a story about {}.", "Do you know a story about {}?", "I would like a story about {}.", "Tell me about {}.",
       "Tell a tale about {}.", "Give me a story about {}.", "Tell us a story about {}."]
ASK_ANY = ["Tell me a story.", "Tell me a story!", "Can you tell me a story?", "I want a story.", "Please tell me a short story.",
           "Write a story.", "Do you know a story?", "Another story, please.", "Tell me something nice.", "Story, please!",
           "Tell us a tale.", "I am bored.", "Make up a story for me."]
ASK_MOOD = {"funny": ["Tell me a funny story.", "I want to laugh.", "Make me laugh with a story.", "Tell me a funny story about {}.", "Do you know a funny story?"],
            "sad": ["Tell me a sad story.", "I want a sad story.", "Do you know a sad story about {}?", "Tell me a sad story about {}."],
            "bedtime": ["Tell me a bedtime story.", "I want a bedtime story.", "Tell me a bedtime story about {}.", "I cannot sleep. Tell me a story.", "Tell me a story to help me fall asleep."],
            "scary": ["Tell me a scary story.", "Tell me a spooky story.", "Do you know a scary story about {}?"]}


def an(s):
    return tidy("x a@ " + s)[2:]


def ask_story(r):
    x = r.random()
    ask = r.choice(ASK)
    if x < 0.52:  # a hero who ...
        p = r.choice(PLOTS)
        st, ab = make_story(r, p=p)
        pool = p[1] or ["is brave"]
        y = r.choice(pool).replace("{thing}", ab["thing"])
        if ab["g"] == "she":
            y = re.sub(r"\bhis\b", "her", re.sub(r"\bhe\b", "she", y.replace("himself", "herself")))
        who = r.choice(["who", "who", "who", "that"])
        adj = r.choice(["", "", "", "little ", "small ", "young "])
        if r.random() < 0.12:
            return ask.format(an(adj + ab["K"]) + " named " + ab["N"] + " " + who + " " + y), st, ab
        return ask.format(an(adj + ab["K"]) + " " + who + " " + y), st, ab
    if x < 0.64:  # a hero
        st, ab = make_story(r)
        return ask.format(an(r.choice(["", "", "little ", "brave "]) + ab["K"])), st, ab
    if x < 0.70:  # a hero with a name
        st, ab = make_story(r)
        return ask.format(r.choice([an(ab["K"]) + " named " + ab["N"], an(ab["K"]) + " called " + ab["N"], ab["N"] + " the " + ab["K"]])), st, ab
    if x < 0.75:  # hero and friend
        st, ab = make_story(r, p=r.choice([q for q in PLOTS if "{F} the {FK}" in q[4]]))
        return ask.format(an(ab["K"]) + " and " + an(ab["FK"])), st, ab
    if x < 0.82:  # a place
        place = r.choice(sorted(PLACES))
        cat, home = PLACES[place]
        st, ab = make_story(r, cat=cat, home=home)
        if r.random() < 0.5:
            return ask.format(an(ab["K"]) + " " + r.choice(["in", "at", "who lives in"]).replace("at", "in") + " " + place if place not in ("the sea", "an island")
                              else an(ab["K"]) + {"the sea": " by the sea", "an island": " on an island"}[place]), st, ab
        return r.choice([ask.format(place), "Tell me a story that takes place " + home.split(",")[0].split(" ", 3)[0] + " " + place + "."
                         if home.startswith("in a") and place not in ("the sea", "an island", "the mountains", "a farm", "the forest", "the desert", "the jungle") else ask.format(place)]), st, ab
    if x < 0.90:  # a topic
        p = r.choice([q for q in PLOTS if q[2]])
        st, ab = make_story(r, p=p)
        return ask.format(r.choice(p[2]).replace("{thing}", ab["thing"])), st, ab
    if x < 0.95:  # a mood
        mood = r.choice(sorted(ASK_MOOD))
        st, ab = make_story(r, mood=mood)
        return r.choice(ASK_MOOD[mood]).format(an(ab["K"])), st, ab
    st, ab = make_story(r)
    return r.choice(ASK_ANY), st, ab


def follow_up(r, ab):
    x = r.random()
    if x < 0.3:
        return turn(loosen(r.choice(["What was the name of the %s?" % ab["K"], "What was the %s called?" % ab["K"],
                                     "Who was the story about?"]), r), r.choice(["%s.", "The name was %s.", "It was %s."]) % ab["N"])
    if x < 0.5:
        return turn(loosen(r.choice(["Who was the friend?", "Who was the friend of %s?" % ab["N"], "Who was in the story, too?"]), r), tidy("x The friend was a@ %s." % ab["FK"])[2:])
    if x < 0.7:
        return turn(r.choice(["Thank you!", "Thanks!", "That was nice.", "I liked that.", "What a nice story!", "thank you"]),
                    r.choice(["You are welcome!", "I am glad that you liked it.", "You are welcome. Shall I tell you another one?"]))
    if x < 0.85:
        return turn(r.choice(["Was it a %s?" % ab["K"], "What kind of hero was %s?" % ab["N"], "What was %s?" % ab["N"]]).replace("Was it a %s?" % ab["K"], "What was %s?" % ab["N"]),
                    tidy("x %s was a@ %s." % (ab["N"], ab["K"]))[2:])
    return turn(r.choice(["Good night!", "Good night.", "good night"]), r.choice(["Good night, and sweet dreams!", "Sleep well!", "Good night!"]))


SUM_Q = ["What is {a} + {b}?", "What is {a} plus {b}?", "{a} + {b}", "{a} + {b} =", "{a} + {b} = ?", "How much is {a} + {b}?", "How much is {a} plus {b}?",
         "{a}+{b}", "{a}+{b}=?", "What is {a}+{b}?", "Add {a} and {b}.", "Can you add {a} and {b}?", "What do you get when you add {a} and {b}?",
         "What is the sum of {a} and {b}?", "Calculate {a} + {b}.", "What does {a} plus {b} make?", "{a} plus {b}", "Tell me what {a} plus {b} is.",
         "I have {a} apples and get {b} more. How many do I have?", "There are {a} birds, and {b} more come. How many birds are there?"]
SUM_A = ["{a} + {b} = {c}."]
SUM_PAIRS = [(a, b) for a in range(21) for b in range(21 - a)]
COUNTER = [0]


def chat_sum(r):
    # pairs in turn, each round in a new order, so that all are seen equally often
    i = COUNTER[0] % len(SUM_PAIRS)
    if i == 0:
        random.Random(COUNTER[0]).shuffle(SUM_PAIRS)
    COUNTER[0] += 1
    a, b = SUM_PAIRS[i]
    q = r.choice(SUM_Q[:12] if r.random() < 0.7 else SUM_Q)
    return turn(loosen(q.format(a=a, b=b), r), SUM_A[0].format(a=a, b=b, c=a + b))


def chat_count(r):
    x = r.random()
    if x < 0.3:
        n = r.randint(2, 20)
        q, seq = r.choice(["Count to %d." % n, "Can you count to %d?" % n, "Count up to %d." % n]), range(1, n + 1)
    elif x < 0.65:
        a, b = sorted(r.sample(range(0, 21), 2))
        q, seq = r.choice(["Count from %d to %d.", "Can you count from %d to %d?", "Count up from %d to %d.", "Please count from %d to %d."]) % (a, b), range(a, b + 1)
    elif x < 0.85:
        b, a = sorted(r.sample(range(0, 21), 2))
        q, seq = r.choice(["Count down from %d to %d.", "Count backward from %d to %d.", "Count backwards from %d to %d.", "Count from %d down to %d.", "Count from %d to %d."]) % (a, b), range(a, b - 1, -1)
    else:
        n = r.randint(0, 19)
        return turn(loosen(r.choice(["What comes after %d?", "Which number comes after %d?", "What number comes after %d?"]) % n, r), "After %d comes %d." % (n, n + 1))
    return turn(loosen(q, r), ", ".join(map(str, seq)) + ".")


OPP = """big small|hot cold|up down|left right|day night|happy sad|fast slow|old young|high low|long short|light dark|open closed|full empty|
hard soft|wet dry|clean dirty|rich poor|good bad|early late|near far|strong weak|loud quiet|thick thin|wide narrow|heavy light|in out|
on off|yes no|first last|black white|begin end|win lose|push pull|come go|give take|love hate|before after|above below|inside outside|true false|
brave afraid|sweet sour|warm cool|front back|top bottom|buy sell|laugh cry|awake asleep|always never|easy difficult|right wrong|smooth rough|tall short|
sharp blunt|deep shallow|everything nothing|remember forget|north south|east west|same different|summer winter|friend enemy|beautiful ugly|kind cruel"""
OPPOSITE = {}
for pair in OPP.replace("\n", "").split("|"):
    u, v = pair.split()
    OPPOSITE.setdefault(u, v)
    OPPOSITE.setdefault(v, u)
COLOR_OF = dict(x.split(":") for x in """a banana:yellow|grass:green|the sky on a clear day:blue|snow:white|a lemon:yellow|a carrot:orange|a tomato:red|
a strawberry:red|coal:black|milk:white|an orange:orange|a cucumber:green|a frog:green|a crow:black|a flamingo:pink|a polar bear:white|the sun in a picture:yellow|
blood:red|chocolate:brown|a ripe cherry:red|an eggplant:purple|a plum:purple|a sunflower:yellow|a pea:green|a swan:white|salt:white|sugar:white|the sea:blue|
a blueberry:blue|a pumpkin:orange|an elephant:gray|a mouse:gray|a raven:black|spinach:green|a fire truck:red|gold:golden|a stop sign:red|rice:white|a lime:green|
honey:golden|a leaf in summer:green|a cloud:white|a stormy cloud:gray|a raspberry:red|broccoli:green|an emerald:green|a ruby:red|a pig:pink|a canary:yellow|
a chick:yellow|soil:brown|bark:brown|a fox:red|a penguin:black and white|a zebra:black and white|a panda:black and white|a ladybug:red and black|a bee:yellow and black""".replace("\n", "").split("|"))
NAMING = {
    "animals": "cat dog horse cow pig sheep goat lion tiger bear wolf fox rabbit mouse elephant giraffe zebra monkey duck owl frog whale".split(),
    "fruits": "apple banana pear orange lemon cherry plum grape peach mango melon kiwi".split(),
    "vegetables": "carrot potato onion cabbage pea bean tomato cucumber spinach pumpkin".split(),
    "colors": "red blue green yellow orange purple pink brown black white gray".split(),
    "birds": "owl crow swan duck eagle robin parrot penguin goose swallow sparrow".split(),
    "farm animals": "cow pig sheep goat horse hen duck donkey".split(),
    "wild animals": "lion tiger elephant zebra giraffe wolf bear fox".split(),
    "insects": "bee ant butterfly fly beetle ladybug cricket".split(),
    "trees": "oak beech birch pine maple willow fir".split(),
    "flowers": "rose tulip daisy lily sunflower violet poppy".split(),
    "tools": "hammer saw shovel rake knife axe".split(),
    "instruments": "drum flute piano violin guitar trumpet".split(),
    "things to wear": "hat coat scarf shirt shoe sock glove".split(),
    "drinks": "water milk tea juice lemonade coffee".split(),
    "parts of the body": "head arm leg hand foot nose ear eye mouth".split(),
    "planets": "Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune".split(),
    "days of the week": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "months": "January February March April May June July August September October November December".split(),
    "seasons": "spring summer fall winter".split(),
}
NUM = "zero one two three four five six seven eight nine ten".split()
FACTS = [x.split("::") for x in """How many legs does a dog have?::A dog has four legs.
How many legs does a spider have?::A spider has eight legs.
How many legs does a bird have?::A bird has two legs.
How many legs does a bee have?::A bee has six legs.
How many legs does an ant have?::An ant has six legs.
How many legs does a cat have?::A cat has four legs.
How many arms does an octopus have?::An octopus has eight arms.
How many days are in a week?::A week has seven days.
How many months are in a year?::A year has twelve months.
How many hours are in a day?::A day has twenty-four hours.
How many minutes are in an hour?::An hour has sixty minutes.
How many fingers are on one hand?::One hand has five fingers, with the thumb.
How many seasons are there?::There are four seasons: spring, summer, fall, and winter.
What sound does a cow make?::A cow says moo.
What sound does a dog make?::A dog says woof.
What sound does a cat make?::A cat says meow.
What sound does a duck make?::A duck says quack.
What sound does a sheep make?::A sheep says baa.
What sound does a pig make?::A pig says oink.
What sound does an owl make?::An owl says hoo.
What sound does a frog make?::A frog says croak.
What sound does a lion make?::A lion roars.
What do bees make?::Bees make honey.
What do cows give us?::Cows give us milk.
What do hens lay?::Hens lay eggs.
What do rabbits eat?::Rabbits eat grass and other plants.
What do pandas eat?::Pandas eat bamboo.
What do squirrels eat?::Squirrels eat nuts and seeds.
What is a baby cat called?::A baby cat is called a kitten.
What is a baby dog called?::A baby dog is called a puppy.
What is a baby cow called?::A baby cow is called a calf.
What is a baby sheep called?::A baby sheep is called a lamb.
What is a baby horse called?::A baby horse is called a foal.
What is a baby frog called?::A baby frog is called a tadpole.
What is a baby goat called?::A baby goat is called a kid.
What is a baby duck called?::A baby duck is called a duckling.
What is a baby swan called?::A baby swan is called a cygnet.
Where do fish live?::Fish live in the water.
Where do bees live?::Bees live in a hive.
Where do birds sleep?::Many birds sleep in trees or in their nests.
Where does the sun rise?::The sun rises in the east.
Where does the sun set?::The sun sets in the west.
What is ice?::Ice is frozen water.
What is snow made of?::Snow is made of tiny crystals of ice.
What is bread made from?::Bread is made from flour and water.
What is cheese made from?::Cheese is made from milk.
What is butter made from?::Butter is made from cream.
What is paper made from?::Most paper is made from wood.
What is glass made from?::Glass is made from sand.
What do plants need to grow?::Plants need water, light, and air.
What does a caterpillar become?::A caterpillar becomes a butterfly or a moth.
What does a tadpole become?::A tadpole becomes a frog or a toad.
What is the tallest animal?::The giraffe is the tallest animal.
What is the largest animal?::The blue whale is the largest animal.
What is the fastest animal on land?::The cheetah is the fastest animal on land.
What is the largest bird?::The ostrich is the largest bird.
What is the largest planet?::Jupiter is the largest planet that goes around our sun.
Which planet do we live on?::We live on the planet Earth.
What is the sun?::The sun is a star.
What goes around the Earth?::The moon goes around the Earth.
Can penguins fly?::No, penguins cannot fly, but they swim very well.
Can fish breathe under water?::Yes, fish breathe under water with their gills.
Can a dog fly?::No, a dog cannot fly.
Can a bird fly?::Most birds can fly, but some cannot.
Is a whale a fish?::No, a whale is a mammal.
Is a bat a bird?::No, a bat is a mammal.
Is a spider an insect?::No, a spider is not an insect. It has eight legs.
Is the sun hot?::Yes, the sun is very hot.
Is ice cold?::Yes, ice is cold.
Is a tomato blue?::No, a tomato is red when it is ripe.
What day comes after Monday?::After Monday comes Tuesday.
What day comes after Tuesday?::After Tuesday comes Wednesday.
What day comes after Wednesday?::After Wednesday comes Thursday.
What day comes after Thursday?::After Thursday comes Friday.
What day comes after Friday?::After Friday comes Saturday.
What day comes after Saturday?::After Saturday comes Sunday.
What day comes after Sunday?::After Sunday comes Monday.
What do you use to cut paper?::You use scissors to cut paper.
What do you use an umbrella for?::An umbrella keeps you dry in the rain.
When do stars come out?::We see the stars at night, when it is dark.
What falls from the clouds?::Rain and snow fall from the clouds.
Why do we sleep?::We sleep so that our body and our mind can rest.
What comes after winter?::After winter comes spring.
What comes after spring?::After spring comes summer.
What comes after summer?::After summer comes fall.
What comes after fall?::After fall comes winter.
What is the first month of the year?::January is the first month of the year.
What is the last month of the year?::December is the last month of the year.
How many wheels does a bicycle have?::A bicycle has two wheels.
How many wheels does a car have?::A car has four wheels.
How many eyes do you have?::I have no eyes. I am a small program.
How many sides does a triangle have?::A triangle has three sides.
How many sides does a square have?::A square has four sides.""".split("\n")]
PHRASES = """good morning|the moon is bright|I like red apples|hello world|the cat sleeps|one small step|rain on the roof|my hat is blue|we are friends|
banana bread|silver bells|the wind is cold|a long road|big brown bear|I love stories|tick tock|sunny days|the fox runs fast|hop hop hop|warm bread and honey|peace|
hurrah|yes we can|the end|red lorry|green leaves|up and away|sweet dreams|open the door|never give up""".replace("\n", "").split("|")
UNK_T = ["What is the capital of {c}?", "Who is the president of {c}?", "How many people live in {c}?", "What language do they speak in {c}?", "When was {c} founded?",
         "Who invented the {m}?", "How does a {m} work?", "How do I fix my {m}?", "How much does a {m} cost?", "Who won the {w}?", "What is the price of {s}?",
         "Write a program that {d}.", "Write a Python function that {d}.", "What is the square root of {n}?", "What is {n} times {n2}?", "What is {n} minus {n2}?",
         "What is {n} divided by {n2}?", "Who wrote {b}?", "What happens in {b}?", "What is the weather like in {c}?", "What is the meaning of {x}?", "Explain {x}.",
         "What is {x}?", "Can you explain {x} to me?", "Translate {p} into {l}.", "What does {p} mean in {l}?", "How do you say {p} in {l}?", "What happened in {y}?",
         "Who was born in {y}?", "What time is it?", "What is the date today?", "Who is {per}?", "When was {per} born?", "Where does {per} live?", "What did {per} do?",
         "How far is it from {c} to {c2}?", "What is the best {m} to buy?", "Give me a recipe for {f}.", "How do I cook {f}?", "What should I do about {x}?",
         "Summarize {b}.", "Who painted {b}?", "What is my name?", "What is the chemical formula of {s}?", "How old is {per}?", "Is {x} real?", "What are the symptoms of {i}?",
         "How do I treat {i}?", "What is the news today?", "Which team is the best at {sp}?", "What are the rules of {sp}?"]
UNK = dict(
    c="France Germany Japan Brazil Peru Kenya Norway Canada Mexico India Egypt Chile Poland Spain Iceland Ghana Turkey Vietnam Cuba Texas London Paris Rome Tokyo Berlin Italy China Russia Australia Sweden".split(),
    m="engine|camera|computer|telephone|radio|rocket|microwave|washing machine|printer|laptop|battery|telescope|jet|television|motor|sewing machine|car|steam engine|light bulb".split("|"),
    w="World Cup|last election|Olympic Games|race last year|Nobel Prize|chess championship|big game".split("|"), s="gold|silver|oil|copper|bitcoin|stocks|water|rice|acid|steel|salt".split("|"),
    d="sorts a list|prints the primes|reads a file|opens a socket|finds a word|parses JSON|adds numbers|draws a window".split("|"),
    b="Hamlet|the Odyssey|Don Quixote|the Mona Lisa|the Bible|War and Peace|Moby Dick|Faust|the Iliad|Macbeth".split("|"),
    x="quantum physics|democracy|gravity|inflation|DNA|philosophy|relativity|the economy|evolution|algebra|calculus|love|time|the internet|artificial intelligence|a neural network|photosynthesis|religion|politics|law|electricity|music theory|chemistry|history|geometry|marketing|a black hole|the universe".split("|"),
    p="hello|good morning|the house|thank you|my friend|water|cat|goodbye".split("|"), l="French German Spanish Latin Chinese Russian Italian Polish Greek".split(),
    per="Napoleon|Einstein|Shakespeare|Mozart|Caesar|Newton|Lincoln|Picasso|Darwin|Cleopatra|Gandhi|Bach|Galileo|the pope|the president|my teacher|Columbus".split("|"),
    f="lasagna|curry|sushi|risotto|roast beef|chili|pizza|dumplings".split("|"), i="the flu|a cold|a fever|asthma|a headache|diabetes|measles".split("|"),
    sp="football|tennis|chess|golf|baseball|hockey|cricket|rugby".split("|"))
IDK = ["I don't know that. I am a small model, and I know mostly stories.", "I don't know that.", "I don't know. I am only a small storyteller.",
       "That is something I don't know. But I can tell you a story.", "I don't know that. Ask me for a story, or for a small sum.",
       "I'm sorry, I don't know that.", "I'm sorry, I don't know. I am a very small model."]
TOO_BIG = ["That is too big for me. I can only add numbers up to twenty.", "I don't know. I can only do sums up to twenty."]
FIXED = [
    ("Hello|Hello!|Hi|Hi!|Hey|Hi there|Hello there!|Good day|Greetings|Hey there!", "Hello! How can I help you?|Hello! Shall I tell you a story?|Hi! It is nice to meet you.|Hello! I am happy that you are here."),
    ("Good morning|Good morning!|Good morning, storyteller", "Good morning! Shall I tell you a story?|Good morning! I hope that you slept well."),
    ("Good evening|Good evening!", "Good evening! Is it time for a story?|Good evening! How was your day?"),
    ("Good night|Good night!|Sleep well", "Good night, and sweet dreams!|Good night! Sleep well."),
    ("How are you?|How are you today?|How do you do?|Are you well?", "I am well, thank you. How are you?|I am fine, thank you. Would you like a story?"),
    ("Thank you|Thank you!|Thanks|Thanks a lot!|Thank you very much.", "You are welcome!|You are welcome. I like to help.|It was a pleasure."),
    ("Goodbye|Bye|Bye!|See you|See you later!|Goodbye!", "Goodbye! Come back soon.|Bye! Have a nice day.|See you soon!"),
    ("Who are you?|What are you?|Are you a robot?|Are you human?|Are you a person?|Introduce yourself.|What is this?", "I am a very small language model that lives inside this program. I tell stories.|I am a tiny storyteller, a small language model built into this program."),
    ("What is your name?|Do you have a name?|What are you called?", "I am called Tales. I am a very small language model.|My name is Tales."),
    ("What can you do?|What do you know?|How can you help me?|Help|What can I ask you?", "I can tell stories, count, add small numbers, name opposites and colors, and say so when I don't know something.|I can tell you a story about a hero of your choice. I can also count and add numbers up to twenty."),
    ("Who made you?|Where do you come from?|How were you made?", "I was trained on stories that a small program wrote, together with the program slm.|I was made together with this program, from stories and short chats."),
    ("Are you clever?|Are you smart?|Do you know everything?|Can you do everything?", "No, I am very small. I know stories and a few simple things.|Not very. There is a lot that I don't know."),
    ("I am sad|I am sad today.|I feel sad.|I am unhappy.", "I am sorry to hear that. Would you like a story?|I am sorry. Perhaps a story will make you smile."),
    ("I am happy|I am happy today!|I feel great.", "That is wonderful!|I am glad to hear that!"),
    ("Do you like stories?|What do you like?|Do you like animals?", "Yes, I like stories very much.|I like stories best of all."),
    ("Yes|yes|Yes, please|Okay|ok|Sure", "Good! What should the story be about?|Then tell me: who should be the hero of the story?"),
    ("No|no|No, thank you|Not now", "That is fine. I am here when you need me.|All right. Perhaps later."),
]


def chat_fixed(r):
    q, a = r.choice(FIXED)
    q = r.choice(q.split("|"))
    return turn(loosen(q, r), r.choice(a.split("|")))


def chat_opposite(r):
    w = r.choice(sorted(OPPOSITE))
    q = r.choice(["What is the opposite of {}?", "What is the opposite of {}?", "Opposite of {}?", "Tell me the opposite of {}.", "Name the opposite of {}.",
                  "The opposite of {} is", "Do you know the opposite of {}?", "What's the opposite of {}?", "Give me the opposite of \"{}\".", "What is the opposite of the word {}?"])
    return turn(loosen(q.format(w), r), "The opposite of %s is %s." % (w, OPPOSITE[w]))


def chat_color(r):
    t = r.choice(sorted(COLOR_OF))
    q = r.choice(["What color is {}?", "What color is {}?", "What colour is {}?", "Which color does {} have?", "Tell me the color of {}.", "What is the color of {}?"])
    verb = "is usually" if t in ("a fox", "a mouse", "a frog", "a fire truck", "a pig", "the sea", "a plum", "soil", "bark") else "is"
    if t in ("a fire truck",):
        verb = "is often"
    return turn(loosen(q.format(t), r), "%s %s %s." % (t[0].upper() + t[1:], verb, COLOR_OF[t]))


def chat_name(r):
    k = r.choice(sorted(NAMING))
    ordered = k in ("planets", "days of the week", "months", "seasons")
    n = r.randint(2, min(5, len(NAMING[k])))
    one = k[:-1] if k.endswith("s") and " " not in k else None
    if ordered:
        return turn(loosen(r.choice(["Name the %s.", "What are the %s?", "Can you name the %s?", "Tell me the %s.", "List the %s."]) % k, r),
                    "The %s are %s, and %s." % (k, ", ".join(NAMING[k][:-1]), NAMING[k][-1]))
    if one and r.random() < 0.25:
        w = r.choice(NAMING[k])
        return turn(loosen(r.choice(["Name %s." % an(one), "Tell me %s." % an(one), "Give me the name of %s." % an(one), "Do you know %s?" % an(one)]), r), w.capitalize() + ".")
    pick = r.sample(NAMING[k], n)
    num = r.choice([NUM[n], NUM[n], str(n)])
    q = r.choice(["Name {n} {k}.", "Name {n} {k}.", "Can you name {n} {k}?", "Tell me {n} {k}.", "List {n} {k}.", "Give me {n} {k}.", "What are {n} {k}?"]).format(n=num, k=k)
    s = ", ".join(pick[:-1]) + (", and " if n > 2 else " and ") + pick[-1]
    return turn(loosen(q, r), s[0].upper() + s[1:] + ".")


def chat_fact(r):
    q, a = r.choice(FACTS)
    if r.random() < 0.2:
        q = r.choice(["Do you know this? ", "Tell me: ", "A question: ", "Quick question. "]) + q
    return turn(loosen(q, r), a)


def chat_repeat(r):
    if r.random() < 0.5:
        p = r.choice(PHRASES)
    else:
        p = " ".join(r.choice([r.choice(COLORS), r.choice(ADJ), r.choice(FOODS), r.choice(THINGS), r.choice(NAMING["animals"]), r.choice(NAMES_HE + NAMES_SHE)])
                     for _ in range(r.randint(1, 4)))
    n = r.randint(2, 5)
    x = r.random()
    if x < 0.5:
        return turn(r.choice(["Repeat after me: {}", "Say: {}", "Repeat: {}", "Say \"{}\".", "Please repeat \"{}\".", "Repeat this: {}", "Say {}", "Please say: {}"]).format(p), p)
    return turn(r.choice(["Say \"{p}\" {n} times.", "Repeat \"{p}\" {n} times.", "Say {p} {n} times.", "Write \"{p}\" {n} times."]).format(p=p, n=r.choice([NUM[n], NUM[n], str(n)])), ", ".join([p] * n))


def chat_unknown(r):
    if r.random() < 0.15:
        a, b = r.randint(0, 99), r.randint(0, 99)
        while a + b <= 20:
            a, b = r.randint(0, 99), r.randint(0, 99)
        return turn(loosen(r.choice(SUM_Q[:12]).format(a=a, b=b), r), r.choice(TOO_BIG))
    d = {k: r.choice(v) for k, v in UNK.items()}
    d.update(n=r.randint(2, 99), n2=r.randint(2, 30), y=r.randint(1000, 2024), c2=r.choice(UNK["c"]))
    q = r.choice(UNK_T).format(**d)
    return turn(loosen(q, r), r.choice(IDK))


def echo(r):
    """Short chats that turn on who was named before: what teaches a small network to look back."""
    ns = r.sample(NAMES_HE + NAMES_SHE, 6)
    n = ns[0]
    c, t = r.choice(COLORS), r.choice(THINGS)
    x = r.randrange(3)
    if x == 0:
        return turn(r.choice(["My name is %s.", "I am %s.", "Hello, I am %s.", "Hi, my name is %s!", "I am called %s."]) % n,
                    r.choice(["Hello, %s!", "Hello, %s! It is nice to meet you.", "Hi, %s! How can I help you?"]) % n) + (
            turn(r.choice(["What is my name?", "Who am I?", "Do you know my name?"]), "Your name is %s." % n) if r.random() < 0.6 else "")
    if x == 1:
        m = r.randint(2, 6)
        return turn(r.choice(["Repeat: %s", "Say: %s", "Repeat after me: %s"]) % ", ".join(ns[:m]), ", ".join(ns[:m]))
    q = [("Who has a@ %s %s?" % (c, t), "%s." % n), ("What does %s have?" % n, "%s has a@ %s %s." % (n, c, t)),
         ("What color is the %s?" % t, "The %s is %s." % (t, c))]
    r.shuffle(q)
    return tidy(turn("%s has a@ %s %s. %s" % (n, c, t, q[0][0]), q[0][1]) + "".join(turn(a, b) for a, b in q[1:r.randint(1, 3)]))


SHORT = [(chat_sum, 48), (chat_count, 9), (chat_opposite, 9), (chat_color, 9), (chat_name, 9), (chat_fact, 11), (chat_repeat, 7), (chat_unknown, 12), (chat_fixed, 8)]


def short_chat(r):
    n = r.choice([1, 1, 1, 1, 2, 3, 4])
    fs = r.choices([f for f, _ in SHORT], [w for _, w in SHORT], k=n)
    if n > 1 and r.random() < 0.25:
        fs = [chat_sum] * n
    return "".join(f(r) for f in fs)


def tale(r):
    """A chat that asks for a story and gets it."""
    q, st, ab = ask_story(r)
    t = turn(loosen(q, r), st)
    x = r.random()
    if x < 0.15:
        t += follow_up(r, ab)
    elif x < 0.2:
        t = chat_fixed(r) + t
    return t


def held_out(text):
    return int(hashlib.md5(text.encode()).hexdigest(), 16) % 50 == 0


def corpus(stories, tales, chats, echoes, seed):
    for kind, n, make in (("echo", echoes, echo), ("story", stories, lambda r: make_story(r)[0] + "<|end|>"),
                          ("tale", tales, tale), ("chat", chats, short_chat)):
        r, seen = random.Random("%s %d" % (kind, seed)), set()
        while len(seen) < n:
            t = make(r)
            if t not in seen:
                seen.add(t)
                yield {"kind": kind, "split": "held" if held_out(t) else "train", "text": t}


if __name__ == "__main__":
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--stories", type=int, default=2000)
    ap.add_argument("--tales", type=int, default=40000)
    ap.add_argument("--chats", type=int, default=60000)
    ap.add_argument("--echoes", type=int, default=6000)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("out")
    a = ap.parse_args()
    with open(a.out, "w") as f:
        for doc in corpus(a.stories, a.tales, a.chats, a.echoes, a.seed):
            f.write(json.dumps(doc) + "\n")
