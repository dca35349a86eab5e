// signIn signs in to the console and waits for the page that follows.
export async function signIn(page, at, name, password) {
  await page.goto(at('/console/signin'));
  await page.locator('[name=name]').fill(name);
  await page.locator('[name=password]').fill(password);
  await page.locator('#signin [type=submit]').click();
  await page.waitForLoadState();
}
