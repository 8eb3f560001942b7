"""Category rules: the user's standing wishes for what the bank brings."""

from __future__ import annotations

from uuid import UUID

from apiflask import APIBlueprint
from flask import Response

from api.answers import Rule, RulePreview, RulesAnswer, RulesApplied, RuleWritten, marked
from api.bodies import RuleBody, RuleEditBody
from api.current import deps, user_id
from api.idempotency import create
from sync.deps import Deps
from sync.ledger import rulebook

bp = APIBlueprint("rules", __name__, url_prefix="/api/rules", tag="Rules")


@bp.get("")
@bp.output(RulesAnswer)
def list_rules() -> RulesAnswer:
    """The rules, the first to decide first."""
    return RulesAnswer(rules=[Rule.model_validate(one) for one in rulebook.list_rules(deps(), user_id())])


@bp.post("")
@bp.input(RuleBody, arg_name="body")
@bp.output(RuleWritten, 201)
def add_rule(body: RuleBody) -> Response:
    """Make a rule that stands first. A category that the user set stays above every rule."""

    def add(with_deps: Deps) -> RuleWritten:
        return written(rulebook.add_rule(with_deps, user_id(), body.given()))

    return create(add)


@bp.post("/preview")
@bp.input(RuleBody, arg_name="body")
@bp.output(RulePreview)
def preview_rule(body: RuleBody) -> RulePreview:
    """What a new rule would change. Nothing is written."""
    return RulePreview.model_validate(rulebook.preview_rule(deps(), user_id(), body.given()))


@bp.patch("/<uuid:rule_id>")
@bp.input(RuleEditBody, arg_name="body")
@bp.output(RuleWritten)
def change_rule(rule_id: UUID, body: RuleEditBody) -> RuleWritten:
    """Change conditions, category or place. Null drops a condition; what is left out stays."""
    given = body.given()
    position = given.pop("position", None)
    return written(rulebook.change_rule(deps(), user_id(), rule_id, given, position))


@bp.delete("/<uuid:rule_id>")
@bp.output(RulesApplied)
def remove_rule(rule_id: UUID) -> RulesApplied:
    """Remove a rule; its entries go to the next rule that holds, or back to the bank's category."""
    edited = rulebook.remove_rule(deps(), user_id(), rule_id)
    return RulesApplied(marked=marked(edited.marked), changed=edited.changed, applying=edited.applying)


def written(edited: rulebook.Edited) -> RuleWritten:
    """A rule with its marks and what it changed."""
    return RuleWritten(
        rule=Rule.model_validate(edited.rule),
        marked=marked(edited.marked),
        changed=edited.changed,
        applying=edited.applying,
    )
