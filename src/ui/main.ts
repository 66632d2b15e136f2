// The app is built in its own change; this keeps the build whole until then.
document.querySelector('#app')?.append('Flotilla')
