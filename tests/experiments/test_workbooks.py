"""What a sheet shows and its cells do not hold is told."""

import openpyxl
import pytest

from widelearn.experiments.tables import table as tables
from widelearn.experiments.tables.dialect import Dialect


@pytest.mark.parametrize("header", [True, False])
def test_merged_cells_of_a_workbook_are_told(tmp_path, header):
    book = openpyxl.Workbook()
    sheet = book.active
    rows = [["group", "x", "y"]] * header + [["a", k, 2 * k] for k in range(6)]
    for row in rows:
        sheet.append(row)
    first = 1 + header
    sheet.merge_cells(f"A{first}:A{first + 2}")
    sheet.merge_cells(f"A{first + 3}:A{first + 4}")
    book.save(tmp_path / "t.xlsx")
    table = tables.read(tmp_path / "t.xlsx", Dialect(header=header))
    note = next(one for one in table.notes if "merged" in one)
    assert f"2 areas of merged cells among its rows (A{first}:A{first + 2}, A{first + 3}:A{first + 4})" in note
    assert table.frame.iloc[:, 0].tolist() == ["a", "", "", "a", "", "a"]
    # A title above the names of columns says nothing of rows.
    if header:
        for area in list(sheet.merged_cells.ranges):
            sheet.unmerge_cells(str(area))
        sheet.insert_rows(1)
        sheet["A1"] = "a title"
        sheet.merge_cells("A1:C1")
        book.save(tmp_path / "t.xlsx")
        table = tables.read(tmp_path / "t.xlsx", Dialect(skip_rows=1))
        assert list(table.frame) == ["group", "x", "y"]
        assert not any("merged" in one for one in table.notes)
