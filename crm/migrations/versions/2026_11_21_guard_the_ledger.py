"""Guard the ledger, the claims and the audit record inside the database itself."""

from collections.abc import Sequence

from alembic import op

revision: str = "0002_guards"
down_revision: str | None = "0001_tables"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

APPEND_ONLY = ("audit_entries",)
NEVER_DELETED = ("ledger_entries", "cap_slots")

# Two active slots of one (subject, cap, slot) never overlap; neither do two owners' claims.
SQLITE = {
    "cap_slots_no_overlap": """
        CREATE TRIGGER cap_slots_no_overlap BEFORE INSERT ON cap_slots
        WHEN NEW.released_at IS NULL AND EXISTS (
            SELECT 1 FROM cap_slots
            WHERE subject_id = NEW.subject_id AND cap_key = NEW.cap_key AND slot = NEW.slot
              AND released_at IS NULL AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at)
        BEGIN SELECT RAISE(ABORT, 'CAP_REACHED'); END""",
    "cap_slots_stay_put": """
        CREATE TRIGGER cap_slots_stay_put BEFORE UPDATE ON cap_slots
        WHEN NEW.subject_id <> OLD.subject_id OR NEW.cap_key <> OLD.cap_key OR NEW.slot <> OLD.slot
          OR NEW.starts_at <> OLD.starts_at OR NEW.ends_at <> OLD.ends_at
          OR (OLD.released_at IS NOT NULL AND NEW.released_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'CAP_SLOTS_NEVER_MOVE'); END""",
    "outreach_claims_no_overlap": """
        CREATE TRIGGER outreach_claims_no_overlap BEFORE INSERT ON outreach_claims
        WHEN NEW.released_at IS NULL AND EXISTS (
            SELECT 1 FROM outreach_claims
            WHERE subject_id = NEW.subject_id AND owner_id <> NEW.owner_id
              AND released_at IS NULL AND starts_at < NEW.ends_at AND ends_at > NEW.starts_at)
        BEGIN SELECT RAISE(ABORT, 'CLAIMED_BY_OTHER'); END""",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for statement in SQLITE.values():
            op.execute(statement)
        for table in APPEND_ONLY:
            for verb in ("UPDATE", "DELETE"):
                op.execute(_sqlite_refusal(table, verb))
        for table in NEVER_DELETED:
            op.execute(_sqlite_refusal(table, "DELETE"))
        return
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    op.execute("""
        ALTER TABLE cap_slots ADD CONSTRAINT ex_cap_slots_no_overlap
        EXCLUDE USING gist (subject_id WITH =, cap_key WITH =, slot WITH =,
                            tstzrange(starts_at, ends_at) WITH &&)
        WHERE (released_at IS NULL)""")
    op.execute("""
        ALTER TABLE outreach_claims ADD CONSTRAINT ex_outreach_claims_no_overlap
        EXCLUDE USING gist (subject_id WITH =, owner_id WITH <>,
                            tstzrange(starts_at, ends_at) WITH &&)
        WHERE (released_at IS NULL)""")
    op.execute("""
        CREATE FUNCTION crm_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION '% on % is refused', TG_OP, TG_TABLE_NAME; END $$""")
    for table in APPEND_ONLY:
        op.execute(f"""
            CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION crm_refuse_change()""")
    for table in NEVER_DELETED:
        op.execute(f"""
            CREATE TRIGGER {table}_never_deleted BEFORE DELETE ON {table}
            FOR EACH ROW EXECUTE FUNCTION crm_refuse_change()""")


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for name in SQLITE:
            op.execute(f"DROP TRIGGER {name}")
        for table in APPEND_ONLY:
            op.execute(f"DROP TRIGGER {table}_no_update")
        for table in (*APPEND_ONLY, *NEVER_DELETED):
            op.execute(f"DROP TRIGGER {table}_no_delete")
        return
    for table in APPEND_ONLY:
        op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    for table in NEVER_DELETED:
        op.execute(f"DROP TRIGGER {table}_never_deleted ON {table}")
    op.execute("DROP FUNCTION crm_refuse_change()")
    op.execute("ALTER TABLE outreach_claims DROP CONSTRAINT ex_outreach_claims_no_overlap")
    op.execute("ALTER TABLE cap_slots DROP CONSTRAINT ex_cap_slots_no_overlap")


def _sqlite_refusal(table: str, verb: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{verb} ON {table.upper()} IS REFUSED'); END"
    )
