return {export = function() end}
