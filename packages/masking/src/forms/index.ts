export { createCsvMasker } from './csv-masker.ts';
export { createFormMasker } from './form-masker.ts';
export { FieldTextError, type FieldTextOptions } from './options.ts';
export { createXmlMasker } from './xml-masker.ts';
