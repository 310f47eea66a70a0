from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from tests.customers import fixture_files
from tests.customers.fixture_files import Read
from tests.factories.users import make_user

pytestmark = pytest.mark.real_data

MALFORMED = "import.csv_malformed"


@pytest.fixture
def found(session: Session, data_dir: Path) -> dict[str, Read]:
    by = make_user(session, role="admin")
    session.commit()
    reads = [fixture_files.read(session, path, by=by) for path in fixture_files.files(data_dir)]
    return {one.name: one for one in reads}


def test_every_published_file_is_read_to_its_end_or_refused_by_name(
    found: dict[str, Read],
) -> None:
    assert {one.name: one.refused for one in found.values() if one.refused} == {
        "csv/file_escape_char_0x00.csv": MALFORMED,
        "csv/file_escape_char_0x5C.csv": MALFORMED,
        "csv/file_header_only.csv": "import.no_rows",
        "csv/file_multitable_less.csv": MALFORMED,
        "csv/file_multitable_more.csv": MALFORMED,
        "csv/file_multitable_same.csv": MALFORMED,
        "csv/file_no_payload.csv": "import.file_empty",
        "csv/row_extra_quote0_col0.csv": MALFORMED,
        "csv/row_extra_quote10_col2.csv": MALFORMED,
        "csv/row_extra_quote20_col5.csv": MALFORMED,
    }
    blank = {"csv/file_double_trailing_newline.csv": 1}
    for one in found.values():
        taken = one.made + one.known + one.rejected + blank.get(one.name, 0)
        assert one.rows == taken, one

    def counts(name: str) -> tuple[int, int, int]:
        return found[name].made, found[name].known, found[name].rejected

    assert counts("maven_crm_pipeline/accounts.csv") == (85, 0, 0)
    assert counts("crm_csv/listmonk_subs.csv") == (100, 0, 0)
    assert counts("crm_csv/mautic_10contacts.csv") == (10, 0, 0)
    assert counts("vcard/John_Doe_ANDROID.vcf") == (6, 0, 0)
    assert counts("csv/source.csv") == (83, 0, 0)
    assert found["csv/file_preamble.csv"].header_row == 3
    assert found["csv/file_header_multirow_3.csv"].header_row == 3
    assert found["csv/file_no_header.csv"].header_row == 0
    assert "given_name" in found["crm_csv/atomic_crm_contacts_500.csv"].mapped
