"""Who else can reach a store: policies, bindings, shares and ACLs read into principals.

Readings that cannot be certain stay on the side of more access: a Deny takes nothing away, a condition that is not
understood is ``unknown``, ``NotPrincipal`` in an Allow is everyone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from residency.collect.functions import arn_part
from residency.collect.spec import GrantRule
from residency.inventory.tables import Grant
from residency.model import External, PrincipalKind

__all__ = ["Found", "Scope", "grants_of"]

_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_PUBLIC_WORDS = frozenset({"*", "all", "allusers"})
_ACL_PUBLIC = ("/groups/global/AllUsers", "/groups/global/AuthenticatedUsers")
_ACL_ACCESS = {"READ": "read", "READ_ACP": "read", "WRITE": "write", "WRITE_ACP": "admin", "FULL_CONTROL": "admin"}
_READ = re.compile(
    r"(batch.*get|get|list|read|receive|describe|query|scan|select|decrypt|download|view|head|search|poll"
    r"|clientread|eshttpget|eshttphead)"
)
_WRITE = re.compile(
    r"(batch(write|delete|put)|put|create|delete|update|write|send|upload|publish|modify|restore|replicate|insert|merge"
    r"|encrypt|reencrypt|generate|copy|complete|initiate|start|stop|abort|tag|untag|import|change|purge|subscribe"
    r"|clientwrite|eshttp)"
)
_ADMIN = re.compile(r"(?!get|list|describe|batchget).*(policy|permission|acl|grant|ownership|rootaccess)")
_ROLE_WORDS = (
    ("admin", ("owner", "admin")),
    ("write", ("creator", "writer", "publisher", "inserter")),
    ("read", ("viewer", "reader", "subscriber", "accessor", "decrypter", "browser")),
)
_ENTITY = re.compile(
    r"project-(?P<team>owner|editor|viewer)s-(?P<project>[^:]+)|(?P<form>user|group|domain)-(?P<rest>[^:]+)"
)
"""A member as an access control list of Cloud Storage writes it."""
_OWN_TEAMS = frozenset({"projectOwners", "projectWriters", "projectReaders"})
"""Groups of a dataset's own project, as BigQuery writes them."""
_GOOGLE_AGENTS = (
    re.compile(r"(.+\.)?gcp-sa-[a-z0-9-]+\.iam\.gserviceaccount\.com\Z"),
    re.compile(r"cloudservices\.gserviceaccount\.com\Z"),
    re.compile(r"(gs-project-accounts|compute-system|container-engine-robot|cloudcomposer-accounts)"),
)
_Narrow = Literal["account", "arn", "organisation"]
_CONDITION_KEYS: Mapping[str, _Narrow] = {
    "aws:principalaccount": "account",
    "aws:sourceaccount": "account",
    "aws:sourceowner": "account",
    "s3:dataaccesspointaccount": "account",
    "kms:calleraccount": "account",
    "aws:principalarn": "arn",
    "aws:sourcearn": "arn",
    "aws:principalorgid": "organisation",
    "aws:sourceorgid": "organisation",
    "aws:principalorgpaths": "organisation",
}
_OPERATORS = frozenset({"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"})


@dataclass(frozen=True, slots=True)
class Scope:
    """Which identities belong to the organisation; an empty set means not known, so nothing can be called external
    or internal with certainty except by the account that owns the store."""

    accounts: frozenset[str] = field(default_factory=frozenset)
    domains: frozenset[str] = field(default_factory=frozenset)
    tenants: frozenset[str] = field(default_factory=frozenset)
    complete: bool = False
    organisations: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True, slots=True)
class Found:
    """One principal with what it may do, before it is tied to a store."""

    principal: str
    principal_kind: PrincipalKind
    principal_account: str
    access: str
    external: External
    condition: str
    evidence: str

    def row(self, origin: dict[str, Any], store_id: str) -> Grant:
        """The grant row for a store."""
        return Grant(
            **origin,
            store_id=store_id,
            principal=self.principal,
            principal_kind=self.principal_kind,
            principal_account=self.principal_account,
            access=self.access,
            external=self.external,
            condition=self.condition,
            evidence=self.evidence,
        )


@dataclass(frozen=True, slots=True)
class _Who:
    """A principal before access and condition are known."""

    principal: str
    kind: PrincipalKind
    account: str
    external: External


@dataclass(frozen=True, slots=True)
class _View:
    """Who is inside: the store's own account, then the scope."""

    own: str
    scope: Scope

    def account(self, account: str) -> External:
        """Whether an account lies outside."""
        if account and (account == self.own or account in self.scope.accounts):
            return "no"
        return "yes" if _known(account) and self.scope.complete else "unknown"

    def named(self, account: str) -> External:
        """Like `account`, for clouds whose accounts are names (Google Cloud projects)."""
        if account == self.own or account in self.scope.accounts:
            return "no"
        return "yes" if self.scope.complete else "unknown"

    def member(self, name: str, inside: frozenset[str]) -> External:
        """Whether a domain, tenant or organisation lies outside; an empty set of ours is not known."""
        if name in inside:
            return "no"
        return "yes" if inside and self.scope.complete else "unknown"


def grants_of(
    rule: GrantRule, data: dict[str, Any], scope: Scope, search: Callable[[str, Any], Any]
) -> Iterator[Found | str]:
    """Principals of one rule; a text is what could not be read.

    Parameters
    ----------
    rule
        Which part of the record holds the grants, and in which of the four forms.
    data
        The record with its ``ctx``.
    scope
        Which identities are the organisation's own.
    search
        Evaluates a JMESPath expression over the record.
    """
    context = data.get("ctx")
    own = str(context.get("account", "")) if isinstance(context, Mapping) else ""
    view = _View(own, scope)
    source = rule.policy or rule.bindings or rule.principals or rule.acl or ""
    value = search(source, data)
    if value is None or value == "" or value == [] or value == {}:
        return
    if rule.policy:
        found = _policy(value, source, view)
    elif rule.bindings:
        found = _bindings(value, source, view)
    elif rule.acl:
        found = _acl(value, source, view)
    else:
        found = _principals(rule, value, source, view)
    yield from dict.fromkeys(found)


# --- AWS policy documents ---------------------------------------------------------------------------------------


def _policy(value: Any, source: str, view: _View) -> Iterator[Found | str]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            yield f"the policy ({source}) is not JSON: {error}"
            return
    documents = value if isinstance(value, list) else [value]
    for document in documents:
        if isinstance(document, str):
            yield from _policy(document, source, view)
        elif not isinstance(document, Mapping):
            yield f"the policy ({source}) is not a policy document but {_shown(document)}"
        else:
            for number, statement in enumerate(_listed(document.get("Statement"))):
                yield from _statement(statement, f"{source} statement {number + 1}", view)


def _statement(statement: Any, where: str, view: _View) -> Iterator[Found | str]:
    if not isinstance(statement, Mapping):
        yield f"{where} is not a statement but {_shown(statement)}"
        return
    effect = statement.get("Effect")
    if effect == "Deny":
        return
    if effect != "Allow":
        yield f"{where}: Effect is neither Allow nor Deny but {_shown(effect)}"
        return
    if "NotPrincipal" in statement:
        who = [_Who("*", "public", "", "yes")]
    elif "Principal" in statement:
        who = []
        for item in _policy_principals(statement["Principal"], view):
            if isinstance(item, str):
                yield f"{where}: {item}"
            else:
                who.append(item)
    else:
        yield f"{where}: Allow names no Principal"
        return
    classes = ("admin",) if "NotAction" in statement else _access(_listed(statement.get("Action")))
    narrowed, understood = _narrowing(statement.get("Condition"))
    for one in who:
        for final, condition in _narrow(one, narrowed, understood, view):
            for access in classes:
                yield Found(final.principal, final.kind, final.account, access, final.external, condition, where)


def _policy_principals(value: Any, view: _View) -> Iterator[_Who | str]:
    if isinstance(value, str):
        yield _aws_principal(value, view)
        return
    if not isinstance(value, Mapping):
        yield f"Principal is {_shown(value)}"
        return
    for form, names in value.items():
        for name in _listed(names):
            if not isinstance(name, str):
                yield f"Principal {_shown(form)} names {_shown(name)}"
            elif form == "AWS":
                yield _aws_principal(name, view)
            elif form == "Service":
                yield _Who(name, "service", "", "no") if name != "*" else _Who("*", "public", "", "yes")
            elif form == "Federated":
                yield _federated(name, view)
            elif form == "CanonicalUser":
                yield _Who(name, "user", "", "unknown")
            else:
                yield f"Principal of the unknown form {_shown(form)}"


def _federated(name: str, view: _View) -> _Who:
    """Identities of an identity provider: being registered in an account of ours says nothing of whose they are."""
    account = arn_part(name, "account") or ""
    external = view.account(account)
    host = (arn_part(name, "resource") or "").partition("oidc-provider/")[2]
    if external == "no":
        external = "unknown"
    return _Who(host or name, "domain" if host else "user", account, external)


def _aws_principal(name: str, view: _View) -> _Who:
    if name == "*":
        return _Who("*", "public", "", "yes")
    account = arn_part(name, "account") or ""
    if account == "cloudfront":
        return _Who(name, "service", "", "no")
    if _known(account):
        kind: PrincipalKind = "account" if arn_part(name, "resource") == "root" else "user"
        return _Who(name, kind, account, view.account(account))
    if _known(name):
        return _Who(name, "account", name, view.account(name))
    # a deleted user's unique id, a masked or broken account id: someone, and nobody we can place
    return _Who(name, "unknown", account, "unknown")


@dataclass(frozen=True, slots=True)
class _Narrowing:
    """To whom a condition narrows: each entry an account or an organisation."""

    kind: _Narrow
    values: tuple[str, ...]


def _narrowing(condition: Any) -> tuple[tuple[_Narrowing, ...], bool]:
    """What a condition narrows to, and whether all of it was understood."""
    if not condition:
        return (), True
    if not isinstance(condition, Mapping):
        return (), False
    found: list[_Narrowing] = []
    understood = True
    for operator, pairs in condition.items():
        plain = str(operator).lower().removeprefix("foranyvalue:").removeprefix("forallvalues:")
        # a key that is absent passes ForAllValues and ...IfExists: they narrow nothing with certainty
        certain = plain in _OPERATORS and not str(operator).lower().startswith("forallvalues:")
        if not isinstance(pairs, Mapping):
            return tuple(found), False
        for key, values in pairs.items():
            kind = _CONDITION_KEYS.get(str(key).lower())
            narrowed = _values(kind, _listed(values)) if kind is not None and certain else None
            if narrowed is None:
                understood = False
            else:
                found.append(narrowed)
    return tuple(found), understood


def _values(kind: _Narrow, values: list[Any]) -> _Narrowing | None:
    """The accounts or organisations named; None when one of them is a pattern that could be anyone."""
    names: list[str] = []
    for value in values:
        text = str(value) if isinstance(value, str | int) else ""
        if kind == "arn":
            text = arn_part(text, "account") or ""
        if kind == "organisation":
            text = text.split("/")[0]
        if not text or "*" in text or "?" in text or "$" in text or (kind == "arn" and not _known(text)):
            return None
        names.append(text)
    return _Narrowing("organisation" if kind == "organisation" else "account", tuple(names)) if names else None


def _narrow(who: _Who, narrowed: tuple[_Narrowing, ...], understood: bool, view: _View) -> Iterator[tuple[_Who, str]]:
    """Apply a condition: it replaces the public by whom it names; named principals stay as they are."""
    if who.kind != "public":
        yield who, "unknown" if not understood else "narrowed" if narrowed else "none"
        if who.kind == "service":
            # the service acts for the accounts of the source
            for item in narrowed:
                if item.kind == "account":
                    for account in item.values:
                        if view.account(account) != "no":
                            yield _account(account, view), "narrowed" if understood else "unknown"
        return
    if not narrowed:
        yield (who, "none") if understood else (_Who("*", "public", "", "unknown"), "unknown")
        return
    # all conditions hold together: accounts say more than organisations
    item = next((entry for entry in narrowed if entry.kind == "account"), narrowed[0])
    for name in item.values:
        final = _account(name, view) if item.kind == "account" else _organisation(name, view)
        yield final, "narrowed" if understood else "unknown"


def _account(name: str, view: _View) -> _Who:
    known = _known(name)
    return _Who(name, "account" if known else "unknown", name, view.account(name))


def _organisation(name: str, view: _View) -> _Who:
    return _Who(name, "tenant", "", view.member(name, view.scope.organisations))


def _access(actions: list[Any]) -> tuple[str, ...]:
    """Classes of a list of actions, most powerful first; admin says all, read and write stand beside each other."""
    found: set[str] = set()
    for action in actions:
        name = str(action).rpartition(":")[2].lower()
        if name == "*":
            found.add("admin")
        elif name.startswith("*"):
            found |= {"read", "write"}
        elif _ADMIN.match(name):
            found.add("admin")
        elif _READ.match(name):
            found.add("read")
        elif _WRITE.match(name):
            found.add("write")
        else:
            found.add("unknown")
    if "admin" in found:
        return ("admin",)
    return tuple(sorted(found)) or ("unknown",)


# --- Google Cloud bindings --------------------------------------------------------------------------------------


def _bindings(value: Any, source: str, view: _View) -> Iterator[Found | str]:
    if not isinstance(value, list):
        yield f"the bindings ({source}) are not a list but {_shown(value)}"
        return
    for number, binding in enumerate(value):
        if not isinstance(binding, Mapping) or not isinstance(binding.get("role"), str):
            yield f"{source} binding {number + 1} has no role"
            continue
        where = f"{source} {binding['role']}"
        condition = "unknown" if binding.get("condition") else "none"
        access = _role_access(binding["role"])
        for member in _listed(binding.get("members")):
            if not isinstance(member, str) or not member:
                yield f"{where}: a member is {_shown(member)}"
                continue
            who = _member(member, view)
            external: External = "unknown" if who.kind == "public" and condition == "unknown" else who.external
            yield Found(who.principal, who.kind, who.account, access, external, condition, where)


def _member(member: str, view: _View) -> _Who:
    plain = member.removeprefix("deleted:")
    if entity := _ENTITY.fullmatch(plain):
        team = (entity["team"] or "").capitalize()
        plain = member = f"project{team}:{entity['project']}" if team else f"{entity['form']}:{entity['rest']}"
    elif plain in _OWN_TEAMS:
        return _Who(plain, "group", view.own, "no")
    form, colon, rest = plain.partition(":")
    if plain.lower() in {"allusers", "allauthenticatedusers"}:
        return _Who(member, "public", "", "yes")
    rest = rest.partition("?uid=")[0]
    domain = rest.rpartition("@")[2].lower()
    if form in {"projectOwner", "projectEditor", "projectViewer"} and colon:
        return _Who(member, "group", rest, view.named(rest))
    if form == "serviceAccount" or (form == "user" and domain.endswith("gserviceaccount.com")):
        return _service_account(member, rest, domain, view)
    if form in {"user", "group"} and "@" in rest:
        kind: PrincipalKind = "user" if form == "user" else "group"
        return _Who(member, kind, "", view.member(domain, view.scope.domains))
    if form == "domain" and rest:
        return _Who(member, "domain", "", view.member(domain, view.scope.domains))
    if form in {"principal", "principalSet"} and colon:
        return _Who(member, "user" if form == "principal" else "group", "", "unknown")
    return _Who(member, "unknown", "", "unknown")


def _service_account(member: str, address: str, domain: str, view: _View) -> _Who:
    # user-made accounts live in PROJECT.iam.gserviceaccount.com; the rest are the provider's own agents
    if any(pattern.match(domain) for pattern in _GOOGLE_AGENTS):
        return _Who(member, "service", "", "no")
    if domain.endswith(".iam.gserviceaccount.com"):
        project = domain.removesuffix(".iam.gserviceaccount.com")
        return _Who(member, "user", project, view.named(project))
    if domain == "appspot.gserviceaccount.com":
        project = address.partition("@")[0]
        return _Who(member, "user", project, view.named(project))
    if domain == "developer.gserviceaccount.com":
        number = address.partition("-")[0]
        return _Who(member, "user", number, view.named(number))
    return _Who(member, "user", "", "unknown")


def _role_access(role: str) -> str:
    name = role.rpartition("/")[2].rpartition(".")[2].lower()
    if name in {"editor", "dataeditor"}:
        return "write"
    for access, words in _ROLE_WORDS:
        if any(word in name for word in words):
            return access
    return "unknown"


# --- lists of principals and S3 ACLs ----------------------------------------------------------------------------


def _principals(rule: GrantRule, value: Any, source: str, view: _View) -> Iterator[Found | str]:
    for item in _listed(value):
        if not isinstance(item, str | int) or isinstance(item, bool) or item == "":
            yield f"{source}: a principal is {_shown(item)}"
            continue
        name = str(item)
        if name.lower() in _PUBLIC_WORDS:
            who = _Who(name, "public", "", "yes")
        elif rule.principal_kind == "account":
            who = _aws_principal(name, view)
        elif rule.principal_kind == "tenant":
            who = _Who(name, "tenant", name, view.member(name, view.scope.tenants))
        elif rule.principal_kind == "domain":
            who = _Who(name, "domain", "", view.member(name.lower(), view.scope.domains))
        elif rule.principal_kind == "service":
            who = _Who(name, "service", "", "no")
        elif rule.principal_kind == "public":
            who = _Who(name, "public", "", "yes")
        else:
            who = _Who(name, rule.principal_kind, "", "unknown")
        yield Found(who.principal, who.kind, who.account, rule.access, who.external, "none", source)


def _acl(value: Any, source: str, view: _View) -> Iterator[Found | str]:
    owner = ""
    if isinstance(value, Mapping):
        owned = value.get("Owner")
        owner = str(owned.get("ID", "")) if isinstance(owned, Mapping) else ""
        value = value.get("Grants")
    for number, grant in enumerate(_listed(value)):
        grantee = grant.get("Grantee") if isinstance(grant, Mapping) else None
        if not isinstance(grantee, Mapping):
            yield f"{source} grant {number + 1} names no grantee"
            continue
        access = _ACL_ACCESS.get(str(grant.get("Permission")), "unknown")
        uri, name = str(grantee.get("URI") or ""), str(grantee.get("ID") or grantee.get("EmailAddress") or "")
        if uri.endswith(_ACL_PUBLIC):
            who = _Who(uri, "public", "", "yes")
        elif uri:
            who = _Who(uri, "service", "", "no") if uri.endswith("/LogDelivery") else _Who(uri, "group", "", "unknown")
        elif name and name == owner:
            who = _Who(name, "user", view.own, "no")
        elif name:
            who = _Who(name, "user", "", "unknown")
        else:
            yield f"{source} grant {number + 1} names a grantee without an id"
            continue
        yield Found(who.principal, who.kind, who.account, access, who.external, "none", source)


def _known(account: str) -> bool:
    return bool(_ACCOUNT.match(account))


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping) else [value]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
