"""Every refusal's text in English, by code; the translations start from here."""


def N_(text: str) -> str:  # noqa: N802 - the mark that translators' tools look for
    """Mark a text for translation where it cannot be translated yet."""
    return text


ERRORS: dict[str, str] = {
    # core and web
    "core.not_found": N_("This page does not exist, or it is not yours to see."),
    "core.not_allowed": N_("Your role does not allow this."),
    "core.invalid": N_("Some fields need another look; nothing was saved and your text is kept."),
    "core.stale": N_("Somebody changed this record since you opened it; your text is kept."),
    "core.taken": N_(
        "Somebody has just saved the same. Nothing of yours was saved; look again and repeat."
    ),
    "core.csrf": N_(
        "This page is too old to be sent. Reload it and send again; your text is kept."
    ),
    "core.busy": N_("The database is busy. Nothing was saved; try again in a few seconds."),
    "core.too_large": N_("The file or form is larger than allowed."),
    "core.bad_request": N_("The request could not be understood."),
    "core.method_not_allowed": N_("This address does not take this kind of request."),
    "core.unsupported_type": N_("This kind of content is not accepted here."),
    "core.too_many_requests": N_("Too many attempts. Try again in %(retry_after)s seconds."),
    "core.unexpected": N_(
        "Something went wrong on our side. Nothing was saved; your text is kept."
    ),
    "core.cursor_invalid": N_(
        "This page link is not valid any more. Start again from the first page."
    ),
    "core.idempotency_running": N_("The same request is still being worked on."),
    "core.idempotency_mismatch": N_("This key was used for a different request."),
    "core.host_unknown": N_(
        "This address is not the one this program was set up for (CRM_BASE_URL)."
    ),
    "core.sort_unknown": N_("The list cannot be sorted by %(field)s."),
    # outreach: the contact guard
    "outreach.limit_twice": N_("Two limits are about the same channel and the same days."),
    "outreach.too_many_limits": N_("At most %(limit)s limits."),
    "outreach.do_not_contact": N_("This customer must not be contacted."),
    "outreach.claimed_by_other": N_("%(holder)s is working on this customer until %(next_at)s."),
    "outreach.cap_reached": N_("The contact limit is reached. At the earliest %(next_at)s."),
    "outreach.cool_down": N_(
        "Cooling down until %(next_at)s. Last contact: %(earlier_at)s, %(earlier_by)s."
    ),
    "outreach.in_the_future": N_("A contact that took place cannot lie in the future."),
    "outreach.already_reserved": N_("This message is reserved or sent already."),
    "outreach.not_released": N_("This contact took place and keeps its place under the limit."),
    "outreach.reason_missing": N_("Write the reason."),
    "outreach.already_cleared": N_("This mark is cleared already."),
    "outreach.claim_too_short": N_("A claim must end in the future."),
    # activities
    "activities.dates_reversed": N_("The activity ends before it starts."),
    "activities.owner_unknown": N_("This colleague cannot run activities."),
    "activities.frozen": N_("The activity is launched: goals and segments are frozen."),
    "activities.goal_has_parts": N_("Remove the sub-goals first."),
    "activities.goal_of_another": N_("The parent goal belongs to another activity."),
    "activities.metric_unknown": N_("This metric is not known."),
    "activities.segment_twice": N_("This segment is in the activity already."),
    "activities.segment_unknown": N_("There is no such segment."),
    "activities.not_ready": N_("The activity cannot start yet: %(missing)s."),
    "activities.missing_goal": N_("a main goal with a figure"),
    "activities.missing_plan": N_("a segment"),
    "activities.broken_segment": N_("segments whose rules can be read"),
    "activities.missing_members": N_("a segment with at least one customer"),
    "activities.missing_launch": N_("the launch"),
    "activities.already_launched": N_("The activity was launched already."),
    "activities.stage_skipped": N_("The next stage is another one."),
    "activities.gate_closed": N_("This stage is not finished: %(missing)s."),
    "activities.launch_instead": N_("Execution begins with the launch."),
    "activities.reason_missing": N_("Going back needs a reason."),
    "core.sign_in_first": N_("Send a token: Authorization: Bearer …"),
    "core.token_invalid": N_("This token is unknown, has ended or was withdrawn."),
    # users
    "users.sign_in_failed": N_("Name or password is wrong. Check both; capitals count."),
    "users.too_many_attempts": N_(
        "Too many attempts. Try again in %(retry_after)s seconds; nothing is locked for good."
    ),
    "users.hashing_busy": N_("Too many people are signing in at this moment. Try again."),
    "users.scope_missing": N_("This token lacks the scope %(scope)s."),
    "users.must_change_password": N_("Choose your own password in the browser first."),
    "users.password_short": N_("At least 12 characters."),
    "users.password_long": N_("At most 128 characters."),
    "users.password_common": N_("This is among the first a guesser tries. Take a few words."),
    "users.password_context": N_("It is made of your name, address or company. Take other words."),
    "users.password_differs": N_("The two new passwords differ."),
    "users.password_wrong": N_("This is not your current password."),
    "users.password_same": N_("This is the password you have now. Take another."),
    "users.reset_expired": N_("This link has been used or is too old. Ask for a new one."),
    "users.email_taken": N_("A colleague with this e-mail address exists already."),
    "users.team_taken": N_("A team with this name exists already."),
    "users.team_missing": N_("Reps and leads belong to a team. Choose one."),
    "users.team_in_use": N_("This team has %(count)s people. Move them first."),
    "users.not_yourself": N_("Not your own account: ask another administrator."),
    "users.last_admin": N_("This is the last administrator. Make another one first."),
    "users.scope_not_yours": N_("Only administrators may give these scopes."),
    "users.no_scope": N_("Choose at least one scope."),
    # customers: numbers, addresses, imports
    "core.number_invalid": N_("“%(value)s” is not a number."),
    "core.money_decimals": N_("“%(value)s” has more than two decimals."),
    "core.money_negative": N_("“%(value)s” is below zero."),
    "core.money_too_large": N_("“%(value)s” is larger than any amount kept here."),
    "customers.phone_invalid": N_(
        "“%(value)s” is not a phone number. Chinese mobiles have 11 digits."
    ),
    "customers.phone_as_number": N_(
        "“%(value)s” has lost digits: make the column text, then export."
    ),
    "customers.email_invalid": N_("“%(value)s” is not an e-mail address."),
    "customers.nobody": N_("Write at least a name, a company, a number, a phone or an e-mail."),
    "customers.number_taken": N_("Another customer of this source has the number “%(value)s”."),
    "customers.birth_in_future": N_("A birthday cannot lie in the future."),
    "customers.custom_unknown": N_("There is no field “%(name)s”."),
    "customers.custom_missing": N_("“%(label)s” must be filled in."),
    "customers.custom_too_long": N_("The text is longer than %(limit)s characters."),
    "customers.custom_text": N_("Only text that can be seen is kept here."),
    "customers.custom_number": N_(
        "A number has at most %(digits)s digits, %(decimals)s of them behind the point."
    ),
    "customers.custom_choice": N_("“%(value)s” is not one of the choices."),
    "customers.custom_yes_no": N_("“%(value)s” is neither yes nor no."),
    "customers.custom_link": N_("“%(value)s” is not a link: it begins with http:// or https://."),
    "customers.field_taken": N_("A field with the name “%(label)s” exists already."),
    "customers.field_reserved": N_(
        "“%(label)s” is what files call a built-in fact. Choose another name."
    ),
    "customers.field_in_use": N_("“%(label)s” is asked for by segments, so it stays: %(users)s."),
    "customers.too_many_fields": N_("There are %(limit)s fields already. Archive one first."),
    "customers.choice_missing": N_("Write at least one choice, each on a line of its own."),
    "customers.choice_twice": N_("Two choices have the same name."),
    "customers.choice_unclear": N_(
        "“%(value)s” cannot be a choice: commas and semicolons part choices in files."
    ),
    "customers.choices_many": N_("A field has at most %(limit)s choices."),
    "customers.tag_taken": N_("There is a tag called “%(name)s” already. Merge the two instead."),
    "customers.tag_into_itself": N_("Choose another tag to merge this one into."),
    "customers.tag_in_use": N_("Segments ask for “%(name)s”, so it stays: %(users)s."),
    "customers.tag_undo_too_late": N_("A tag can be brought back for %(days)s days, and once."),
    "customers.tag_group_taken": N_("There is a group called “%(name)s” already."),
    "customers.person_nobody": N_("Write at least a name, a phone or an e-mail address."),
    "customers.too_many_persons": N_("A customer has at most %(limit)s contact persons."),
    "customers.already_owned": N_("Somebody else took this customer first."),
    "customers.owner_unknown": N_("Choose a colleague of your team."),
    "customers.too_many_at_once": N_("Choose between 1 and %(limit)s customers at once."),
    "customers.order_of_another": N_("This order belongs to another customer."),
    "exports.too_many_at_once": N_(
        "%(limit)s files of yours are being made already. Wait for one, or stop one."
    ),
    "exports.one_list": N_("Name one list: a view, a segment or filters."),
    "exports.too_many_rows": N_("A workbook takes %(limit)s rows. Choose CSV, or narrow the list."),
    "exports.already_over": N_("This file is made or given up already."),
    "exports.not_done": N_("This file is not made yet."),
    "exports.expired": N_("This file was kept for 7 days and is deleted. Make it again."),
    "exports.file_lost": N_("The file is gone. Make it again."),
    "exports.failed": N_("The file could not be made. The log says why."),
    "exports.rights_changed": N_(
        "What you may see has changed since this file was asked for. Make it again."
    ),
    "bulk.nothing": N_("Nothing would change: they are so already, or not yours to change."),
    "bulk.changed": N_("It would change %(count)s customers now. Nothing was done; look again."),
    "bulk.whom_missing": N_("Name either customers or filters."),
    "bulk.tag_missing": N_("Name the tag."),
    "bulk.stage_missing": N_("Choose a stage."),
    "bulk.already_undone": N_("This was taken back already."),
    "bulk.undo_too_late": N_("It can be taken back for %(days)s days only."),
    "views.not_yours": N_("“%(name)s” belongs to somebody else. Save a copy of your own."),
    "views.name_taken": N_("You have a view called “%(name)s” already."),
    "views.too_many": N_("You keep %(limit)s views already. Delete one first."),
    "views.stale": N_(
        "Somebody changed the view “%(name)s” since you opened it. Nothing was saved."
    ),
    "duplicates.already_decided": N_("Somebody has decided about this pair already."),
    "duplicates.not_certain": N_("Only certain pairs are merged many at once. Look at this one."),
    "merges.same_record": N_("A record cannot be merged with itself."),
    "merges.already_merged": N_("One of the two was merged a moment ago. Look again."),
    "merges.changed_meanwhile": N_("One of the two was changed since you looked. Look again."),
    "merges.already_parted": N_("These two were split again already."),
    "merges.too_late": N_("A merge can be split for %(days)s days. These days are over."),
    "merges.later_first": N_("A later merge stands on this one. Split that of %(at)s first."),
    "customers.number_of_merged": N_(
        "The number “%(value)s” belongs to a record that was merged into another."
    ),
    "import.file_empty": N_("The file is empty."),
    "import.no_rows": N_("The file has a header and no rows."),
    "import.file_corrupt": N_("The file is damaged or cut off. Make it again."),
    "import.file_type_mismatch": N_(
        "This is neither CSV nor an Excel workbook (.xlsx) nor a visiting card (.vcf)."
    ),
    "import.file_too_large": N_("The file is larger than %(limit)s MB when unpacked."),
    "import.encoding_invalid": N_(
        "Line %(line)s is not %(encoding)s. Save the file anew, or choose its encoding."
    ),
    "import.encoding_unknown": N_(
        "Line %(line)s is neither UTF-8 nor GB18030. Choose the encoding of the file."
    ),
    "import.encoding_not_offered": N_("The encoding “%(encoding)s” is not known here."),
    "import.control_character": N_("Line %(line)s holds a character that is not text."),
    "import.csv_malformed": N_("The quotes of the row that begins on line %(line)s do not match."),
    "import.field_too_long": N_(
        "A field of the row that begins on line %(line)s is too long, or a quote is missing."
    ),
    "import.header_missing": N_("The header lacks a column for: %(fields)s."),
    "import.header_duplicate": N_("The column “%(column)s” stands in the header twice."),
    "import.too_many_columns": N_("The file has more than %(limit)s columns."),
    "import.too_many_rows": N_("The file has more than %(limit)s rows. Split it."),
    "import.mapping_invalid": N_("The mapping cannot be used: %(problem)s."),
    "import.column_unknown": N_("The mapping names the column “%(column)s”, which the file lacks."),
    "import.already_running": N_("This import has been started already."),
    "import.already_over": N_("This import is over."),
    "import.not_begun": N_("This import has not begun yet."),
    "import.field_twice": N_("“%(field)s” is chosen for two columns."),
    "import.file_lost": N_("The file of this import is gone. Upload it again."),
    "import.row_shape": N_("The row has another number of cells than the header (%(value)s)."),
    "import.row_control_character": N_("The row holds a character that is not text."),
    "import.value_missing": N_("A value is missing."),
    "import.value_too_long": N_("The text is longer than %(value)s characters."),
    "import.value_unknown": N_("“%(value)s” is not one of the known values."),
    "import.date_invalid": N_("“%(value)s” is not a date."),
    "import.nobody": N_("The row names nobody: no name, number, phone or e-mail."),
    "import.repeated": N_("The same customer or order stands in row %(value)s of this file."),
    "import.match_conflict": N_("The row fits more than one customer: merge them first."),
    "import.old_format": N_(
        "This is an old Excel workbook (.xls, .xlsb). Save it as .xlsx or CSV and upload that."
    ),
    "import.numbers_format": N_(
        "This is a Numbers document. Export it as Excel (.xlsx) or CSV and upload that."
    ),
    "import.xlsx_encrypted": N_(
        "The workbook is protected by a password. Save a copy without one and upload that."
    ),
    "import.file_unsafe": N_(
        "The workbook holds macros, links to other files or hidden parts. Save it as plain .xlsx."
    ),
    "import.file_too_large_unpacked": N_(
        "The workbook is too large when unpacked. Split it, or save the sheet as CSV."
    ),
    "import.sheet_unknown": N_("The workbook has no sheet of this name."),
    "import.sheet_missing": N_("Choose the sheet first."),
    "import.cards_are_customers": N_("Visiting cards hold customers, not orders."),
    "import.card_unfinished": N_("The visiting card that begins in line %(line)s has no end."),
    "import.cell_error": N_("The cell holds an error or a formula without a value: %(value)s."),
    "import.undo_orders": N_("Only imports of customers can be taken back."),
    "import.undo_not_over": N_("Only an import that is over can be taken back, and only once."),
    "import.undo_too_late": N_(
        "An import can be taken back for %(days)s days, and only if it changed something."
    ),
    "import.customer_unknown": N_("There is no customer “%(value)s”."),
    "import.customer_unclear": N_("Several customers are called “%(value)s”."),
    "import.owner_unknown": N_("No colleague is called “%(value)s”."),
    "import.not_yours": N_("This customer belongs to another team."),
    "import.order_unknown": N_(
        "There is no order %(value)s. Import the orders first, then their lines."
    ),
    "import.order_of_another": N_("Order %(value)s belongs to another customer."),
    # reports
    "reports.month_unknown": N_("Choose a month such as 2026-11, not later than this one."),
    "reports.not_done": N_("This report is not made yet."),
    "reports.file_lost": N_("The file of this report is gone. Make it again."),
    "reports.pdf_no_fonts": N_("The fonts of the PDF are missing. Run bin/setup."),
    "reports.pdf_no_engine": N_("The PDF library Pango is missing. Run bin/setup."),
    "reports.pdf_too_large": N_("The report is too large for one PDF. Choose a smaller scope."),
    "reports.pdf_too_slow": N_(
        "Drawing the PDF took too long and was stopped. Choose a smaller scope."
    ),
    "reports.pdf_no_room": N_("The PDF could not be stored. Check the free disk space."),
    "reports.pdf_failed": N_("The PDF could not be drawn. The log says why."),
    # segments of customers
    "orders.of_its_source": N_("This order comes from %(source)s and is changed there."),
    "orders.refund_too_large": N_("More than is left of the order cannot be given back."),
    "orders.refund_differs": N_("The refund %(number)s is known with another amount."),
    "orders.closed_already": N_("This order is cancelled or void already."),
    "orders.in_the_future": N_("An order cannot lie in the future."),
    "orders.amount_missing": N_("Write the amount, or at least one product."),
    "orders.number_taken": N_("There is an order with this number already."),
    "opportunities.closed_already": N_("This opportunity is closed already."),
    "opportunities.of_another": N_("This opportunity belongs to another customer."),
    "opportunities.closed_in_future": N_("An opportunity cannot be closed in the future."),
    "opportunities.dates_reversed": N_("It was closed before it was entered."),
    "opportunities.reason_missing": N_("Write why it was lost."),
    "stages.too_slow": N_("Counting took too long. Save anyway: the work is done bit by bit."),
    "stages.loyal_too_early": N_("Loyal must ask for more orders than regular."),
    "stages.lost_too_early": N_("Lost must come later than dormant."),
    "pool.owned_limit": N_("You have %(limit)s customers, which is the most one may have."),
    "pool.claims_limit": N_("You have taken %(limit)s customers today; more tomorrow."),
    "pool.cool_down": N_("You let this customer go; you may take it again from %(until)s on."),
    "pool.there_already": N_("This customer is in the pool already."),
    "assignments.changed": N_(
        "Something changed since you looked: below is how it would come out now."
    ),
    "assignments.nothing_moves": N_("Nobody would change hands, so there is nothing to do."),
    "assignments.unknown": N_("One of these people or customers is not known."),
    "assignments.no_rep": N_("Choose at least one colleague."),
    "assignments.already_undone": N_("This assignment is taken back already."),
    "assignments.undo_too_late": N_("An assignment can be taken back for %(days)s days."),
    "segments.rule_empty": N_("The rule says nothing, so it means nobody. Add a condition."),
    "segments.group_empty": N_("%(path)s: the group says nothing. Add a condition or remove it."),
    "segments.rule_shape": N_(
        "%(path)s: write all, any or not, or a condition with field, operator and value."
    ),
    "segments.too_deep": N_("%(path)s: groups stand in groups more than %(limit)s deep."),
    "segments.too_many_conditions": N_("The rule has more than %(limit)s conditions and groups."),
    "segments.too_many_values": N_("The rule holds more than %(limit)s values."),
    "segments.field_unknown": N_("%(path)s: there is no field “%(field)s” here."),
    "segments.operator_unknown": N_("%(path)s: “%(field)s” cannot be asked by “%(operator)s”."),
    "segments.value_missing": N_("%(path)s: a value is missing."),
    "segments.value_unexpected": N_("%(path)s: this condition takes no value."),
    "segments.value_invalid": N_("%(path)s: “%(value)s” does not fit this condition."),
    "segments.value_unknown": N_("%(path)s: “%(value)s” is not one of the known values."),
    "segments.value_too_long": N_("%(path)s: a text has at most %(limit)s characters."),
    "segments.value_out_of_range": N_(
        "%(path)s: the value lies between %(lowest)s and %(highest)s."
    ),
    "segments.range_reversed": N_("%(path)s: %(low)s to %(high)s runs backwards."),
    "segments.too_slow": N_(
        "The database needs more than %(seconds)s seconds for this rule. Narrow it and try again."
    ),
    "segments.inner_unknown": N_("A segment that the rule names does not exist any more."),
    "segments.inner_broken": N_("The rule names “%(segment)s”, whose own rule is broken."),
    "segments.cycle": N_("The segments lead back to themselves: %(cycle)s."),
    "segments.too_nested": N_("Segments may name segments at most %(limit)s deep."),
    "segments.too_many_inner": N_(
        "With all segments that it names the rule has more than %(limit)s conditions."
    ),
    "segments.name_taken": N_("A segment of this name exists already."),
    "segments.rule_in_use": N_(
        "A new rule changes these too: %(users)s. Say that this is meant, then save again."
    ),
    "segments.in_use": N_("The segment is in use, so it stays: %(users)s."),
    # followups
    "followups.already_completed": N_("This follow-up is logged or cancelled already."),
    "followups.already_planned": N_("A follow-up with this customer is planned already."),
    "followups.due_in_the_past": N_("The next contact cannot lie in the past."),
    "followups.in_the_future": N_("A contact that took place cannot lie in the future."),
    "followups.not_completed": N_("This follow-up is not logged yet."),
    "followups.undo_not_yours": N_("Only who logged a contact can take it back."),
    "followups.undo_too_late": N_("A contact can be taken back for half an hour only."),
    "followups.no_owner": N_("Nobody owns this customer yet."),
    "followups.open_elsewhere": N_("A contact with this person is planned elsewhere."),
    "users.unknown_email": N_("Nobody signs in as %(email)s."),
}
