"""Small molecules as strings, made by a grammar, with a check of their validity and a score: data for `molecules.py`.

The strings are a part of SMILES (Weininger, 1988): atoms C, N, O, S, F and Cl, aromatic c, n, o and s, bonds = and #,
branches in brackets, and rings closed by digits. `parse` reads them and checks the valences, so that what a model
writes can be judged without a library of chemistry. Aromatic rings have five or six atoms and share none.

`score` is a toy: a sum over atoms in the manner of Crippen's contributions to logP, with round numbers, less a penalty
for large molecules. It is not logP, and nothing follows from it for any real substance.
"""

import numpy as np

VALENCES = {"C": 4, "N": 3, "O": 2, "S": 2, "F": 1, "Cl": 1}
AROMATIC = {"c": 4, "n": 3, "o": 2, "s": 2}
BONDS = {"-": 1, "=": 2, "#": 3}
CHARACTERS = "CNOSFlcnos()=#123"
"""What strings are made of; Cl is two characters."""

RINGS = ("c1ccccc1", "c1ccncc1", "c1ccoc1", "c1ccsc1", "C1CCCCC1", "C1CCCC1", "C1CCNCC1", "C1CCOCC1", "C1CC1")
GROUPS = ("C", "C", "C", "C", "N", "O", "S", "F", "Cl", "C=O", "C#N", "C=C", "C(=O)O", "C(=O)N", "OC")
SHARES = {"C": 0.2, "c": 0.3, "N": -0.8, "n": -0.4, "O": -0.6, "o": -0.1, "S": 0.4, "s": 0.3, "F": 0.3, "Cl": 0.6}
USUAL_ATOMS = 14  # heavy atoms above which a molecule is penalised


class NotValidError(ValueError):
    """A string that is no molecule."""


class Molecule:
    """Atoms by symbol, and for each a dict of its neighbours with the order of the bond; aromatic bonds count 1."""

    def __init__(self):
        self.atoms = []
        self.neighbours = []

    def add(self, symbol):
        self.atoms.append(symbol)
        self.neighbours.append({})
        return len(self.atoms) - 1

    def bond(self, one, other, order):
        if one == other or other in self.neighbours[one]:
            raise NotValidError("Two bonds between the same atoms, or an atom bonded to itself.")
        self.neighbours[one][other] = self.neighbours[other][one] = order

    def free(self, atom):
        """How many further bonds an atom can have."""
        symbol, orders = self.atoms[atom], sum(self.neighbours[atom].values())
        if symbol in VALENCES:
            return VALENCES[symbol] - orders
        return AROMATIC[symbol] - orders - (symbol in "cn")  # one electron of c and n is that of the ring

    def in_rings(self):
        """The bonds that lie on a ring, as pairs of atoms: those without which their ends are still connected."""
        pairs = {(one, other) for one, others in enumerate(self.neighbours) for other in others if one < other}
        return {pair for pair in pairs if self._connected(*pair)}

    def _connected(self, start, end):
        seen, waiting = {start}, [other for other in self.neighbours[start] if other != end]
        while waiting:
            atom = waiting.pop()
            if atom == end:
                return True
            if atom not in seen:
                seen.add(atom)
                waiting.extend(self.neighbours[atom])
        return False


def symbols(text):
    """The atoms, bonds, brackets and digits of a string."""
    found, place = [], 0
    while place < len(text):
        size = 2 if text[place : place + 2] == "Cl" else 1
        found.append(text[place : place + size])
        place += size
    return found


def parse(text):
    """The molecule that a string stands for.

    Raises:
        NotValidError: something is left open, an atom has too many bonds, or a ring is aromatic that cannot be.
    """
    molecule, open_branches, open_rings = Molecule(), [], {}
    before, order = None, None
    at_atom = False  # rings are closed right behind an atom, and not behind a branch
    for symbol in symbols(text):
        if symbol in VALENCES or symbol in AROMATIC:
            atom = molecule.add(symbol)
            if before is not None:
                molecule.bond(before, atom, order or 1)
            elif order is not None or atom:
                raise NotValidError("A string must begin with an atom.")
            before, order, at_atom = atom, None, True
        elif symbol in BONDS and before is not None and order is None:
            order = BONDS[symbol]
        elif symbol in "123456789" and at_atom:
            if symbol in open_rings:
                start, opened = open_rings.pop(symbol)
                molecule.bond(start, before, order or opened or 1)
            else:
                open_rings[symbol] = (before, order)
            order = None
        elif symbol == "(" and before is not None and order is None:
            open_branches.append((before, len(molecule.atoms)))
            at_atom = False
        elif symbol == ")" and open_branches and order is None:
            before, size = open_branches.pop()
            at_atom = False
            if len(molecule.atoms) == size:
                raise NotValidError("A branch is empty.")
        else:
            raise NotValidError(f"{symbol!r} cannot stand where it does.")
    if before is None or order is not None or open_branches or open_rings:
        raise NotValidError("The string is empty, or a bond, a branch or a ring is left open.")
    check(molecule)
    return molecule


def check(molecule):
    """Refuse valences and aromatic rings that cannot be."""
    if any(molecule.free(atom) < 0 for atom in range(len(molecule.atoms))):
        raise NotValidError("An atom has too many bonds.")
    aromatic = {atom for atom, symbol in enumerate(molecule.atoms) if symbol in AROMATIC}
    around = {atom: [] for atom in aromatic}
    for one, other in molecule.in_rings():
        if one in aromatic and other in aromatic:
            around[one].append(other)
            around[other].append(one)
    if any(len(others) != 2 for others in around.values()):
        raise NotValidError("An aromatic atom is not in exactly one aromatic ring.")
    while aromatic:
        ring, waiting = set(), [min(aromatic)]
        while waiting:
            atom = waiting.pop()
            if atom not in ring:
                ring.add(atom)
                waiting.extend(around[atom])
        aromatic -= ring
        chalcogens = sum(molecule.atoms[atom] in "os" for atom in ring)
        if (len(ring), chalcogens) not in ((6, 0), (5, 1)):
            raise NotValidError("An aromatic ring needs six atoms c or n, or five, of which one is o or s.")
        if any(molecule.neighbours[one][other] != 1 for one in ring for other in around[one]):
            raise NotValidError("A bond of an aromatic ring has an order of its own.")


def is_valid(text):
    """Whether a string is a molecule."""
    try:
        parse(text)
    except NotValidError:
        return False
    return True


def score(text):
    """The toy score of a valid string."""
    atoms = parse(text).atoms
    return sum(SHARES[atom] for atom in atoms) - 0.1 * max(0, len(atoms) - USUAL_ATOMS) ** 2


def draw(generator, most_atoms=18):
    """A random molecule: rings and groups, joined where an atom is free, and written from its first atom."""
    molecule = parse(str(generator.choice(RINGS if generator.random() < 0.7 else GROUPS)))
    for _ in range(generator.integers(1, 8)):
        piece = parse(str(generator.choice(RINGS if generator.random() < 0.25 else GROUPS)))
        sites = [atom for atom in range(len(molecule.atoms)) if molecule.free(atom) > 0]
        ends = [atom for atom in range(len(piece.atoms)) if piece.free(atom) > 0]
        if not sites or not ends or len(molecule.atoms) + len(piece.atoms) > most_atoms:
            continue
        offset = len(molecule.atoms)
        for symbol in piece.atoms:
            molecule.add(symbol)
        for one, others in enumerate(piece.neighbours):
            for other, order in others.items():
                if one < other:
                    molecule.bond(offset + one, offset + other, order)
        molecule.bond(int(generator.choice(sites)), offset + int(generator.choice(ends)), 1)
    return write(molecule)


def write(molecule):
    """The string of a molecule, by a walk in depth; a ring closes where the walk meets an atom again."""
    bonds = {1: "", 2: "=", 3: "#"}
    children, closures, seen = {}, [], set()

    def walk(atom, parent):
        """The number of atoms behind one; `closures` gets the bonds from a later atom to an earlier one."""
        seen.add(atom)
        sizes = {}
        for other in molecule.neighbours[atom]:
            if other not in seen:
                sizes[other] = walk(other, atom)
            elif other != parent and (other, atom) not in closures:
                closures.append((atom, other))
        children[atom] = sorted(sizes, key=sizes.get)  # the largest part last: it is the chain, the others are branches
        return 1 + sum(sizes.values())

    walk(0, None)
    free_digits, digit_of = list("987654321"), {}

    def written(atom):
        text = molecule.atoms[atom]
        for later, earlier in closures:
            if earlier == atom:
                digit_of[later, earlier] = free_digits.pop()
                text += digit_of[later, earlier]
        for later, earlier in closures:
            if later == atom:
                text += bonds[molecule.neighbours[later][earlier]] + digit_of[later, earlier]
                free_digits.append(digit_of[later, earlier])
        parts = [bonds[molecule.neighbours[atom][child]] + written(child) for child in children[atom]]
        return text + "".join(f"({part})" for part in parts[:-1]) + "".join(parts[-1:])

    return written(0)


def molecules(count, longest=32, seed=0):
    """Different random strings of at most `longest` characters, whose rings need the digits 1 to 3."""
    generator = np.random.default_rng(seed)
    found = {}
    while len(found) < count:
        text = draw(generator)
        if len(text) <= longest and not set(text) - set(CHARACTERS):
            found[text] = None
    return list(found)
