// Prints the path of the Chromium that @sparticuz/chromium carries, unpacked with the libraries it needs.
process.env.AWS_EXECUTION_ENV ??= `AWS_Lambda_nodejs${process.versions.node.split('.')[0]}.x`;
const { default: chromium } = await import('@sparticuz/chromium');
console.log(await chromium.executablePath());
