"""Every judgement: which facts count, what they are worth, how strongly places and people are tied to a law."""
