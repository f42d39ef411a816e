/** Why a report is refused. It would be refused again, so it must not be sent again. */
export class ReportError extends Error {
  override readonly name = "ReportError";
}
