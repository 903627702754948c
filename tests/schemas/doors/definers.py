"""The functions of the database that work with their owner's rights, and who may call them."""

SAFE_PATH = ["search_path=pg_catalog, public, pg_temp"]
"""Of a function that others make run: they can put nothing where it looks before it finds what is meant."""

_MOMENT = "moment timestamp with time zone"

_DONE = "most integer, OUT gone integer, OUT more boolean"
_COPIES = "names text[], closed timestamp with time zone[], changed bigint[]"

CALLED: dict[str, str] = {
    f"public.forget(what text, {_MOMENT}, {_DONE})": "allim_keeper",
    f"public.forget_contents(tenant text, what text, {_MOMENT}, {_DONE})": "allim_keeper",
    f"public.let_go(parents text[], {_MOMENT}, wanted boolean)": "allim_keeper",
    f"public.lives_to_tend({_MOMENT})": "allim_keeper",
    f"public.tell_copies(lineage text, {_MOMENT}, {_COPIES})": "allim_backup",
    f"public.tend_months({_MOMENT}, OUT made integer, OUT closed text[])": "allim_keeper",
}
"""The functions with their owner's rights that are called, not made to run by a trigger, and the one role that may."""

FUNCTIONS = """(
  select p.oid, p.prosecdef, p.prorettype, p.proconfig,
    format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) as name
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
    and not exists (
      select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
    )
) f"""
"""SQL: the functions of any schema, but for those of Postgres and of its extensions."""
