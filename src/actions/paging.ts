import { AssumeMfaError } from "../errors.ts";

/** A listing that does not end by then is broken: at the page sizes used here this is over a million entries. */
const MAX_PAGES = 10_000;

/**
 * All pages of a listing, one by one, so that the first rows can be shown before the last page is read.
 * @param readPage asks for the page that a token names, the first one without; its own token names the next
 * @throws AWS_REFUSED when the service hands out a token twice in a row, or never ends
 */
export async function* readPages<Page extends { readonly nextToken: string | undefined }>(
  readPage: (nextToken: string | undefined) => Promise<Page>,
): AsyncGenerator<Page, void, void> {
  let token: string | undefined;
  for (let count = 0; count < MAX_PAGES; count++) {
    const page = await readPage(token);
    yield page;
    if (page.nextToken === undefined) return;
    if (page.nextToken === token) break;
    token = page.nextToken;
  }
  throw new AssumeMfaError("AWS_REFUSED", "the service's list does not end: it names the same page again and again", {
    hint: "check the endpoint: AWS itself does not do this",
  });
}
