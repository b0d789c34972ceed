-- expect: judge: keep priority=1000 key=../../Etc/Passwd
return { api = 1, match = 'alertname!=""', key = function() return "../../Etc/Passwd" end }
